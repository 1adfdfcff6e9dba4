"""The HTML page of a sweep's rows: verdict, curves, heat maps, tiles, parameters, origin."""

from typing import TYPE_CHECKING

from nsm.lazy import lazy_exports

if TYPE_CHECKING:  # for type checkers and editors; at run time the table below serves them
    from nsm.report.assembly import read_swept as read_swept
    from nsm.report.assembly import report_page as report_page
    from nsm.report.assembly import write_report as write_report
    from nsm.report.page import write_page as write_page
    from nsm.report.swept import Swept as Swept

_EXPORTS = {
    "Swept": "nsm.report.swept",
    "read_swept": "nsm.report.assembly",
    "report_page": "nsm.report.assembly",
    "write_page": "nsm.report.page",
    "write_report": "nsm.report.assembly",
}
__all__ = list(_EXPORTS)
__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
