"""Lazy packages: public names that are imported on first use.

torch takes a second to import; pandas, numba and matplotlib take about half a second each. A
package that names its exports in a table, instead of importing them, lets `nsm --help` answer at
once.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_exports(
    package: str, exports: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the module functions `__getattr__` and `__dir__` (PEP 562) of a lazy package.

    Args:
        package: name of the package, `__name__` in its `__init__.py`.
        exports: public name -> module that defines it; a submodule maps to itself.
    """

    def getattr_(name: str) -> Any:
        if name not in exports:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(exports[name])
        value = module if exports[name] == f"{package}.{name}" else getattr(module, name)
        setattr(import_module(package), name, value)  # found directly from now on
        return value

    def dir_() -> list[str]:
        return sorted(exports)

    return getattr_, dir_
