"""Data sets by name: images and labels, checked, for training and for test.

from nsm.datasets import LOADERS, load_data
data = load_data("digits")  # x_train, y_train, x_test, y_test
"""

from typing import TYPE_CHECKING

from nsm.lazy import lazy_exports

if TYPE_CHECKING:  # for type checkers and editors; at run time the table below serves them
    from nsm.datasets.files import Data as Data
    from nsm.datasets.registry import LOADERS as LOADERS
    from nsm.datasets.registry import check_source as check_source
    from nsm.datasets.registry import class_count as class_count
    from nsm.datasets.registry import image_shape as image_shape
    from nsm.datasets.registry import load_data as load_data
    from nsm.datasets.registry import load_digits as load_digits

_EXPORTS = {
    "Data": "nsm.datasets.files",
    "LOADERS": "nsm.datasets.registry",
    "check_source": "nsm.datasets.registry",
    "class_count": "nsm.datasets.registry",
    "image_shape": "nsm.datasets.registry",
    "load_data": "nsm.datasets.registry",
    "load_digits": "nsm.datasets.registry",
}
__all__ = list(_EXPORTS)
__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
