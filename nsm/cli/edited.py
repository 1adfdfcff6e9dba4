"""The warning of a sidecar that was edited by hand."""

from collections.abc import Iterable
from pathlib import Path

from nsm.cli.options import console


def warn_of_edited(rows: Iterable[Path]) -> None:
    """Print a warning for every file of rows whose sidecar was edited by hand.

    Args:
        rows: Files of rows; those without a sidecar are passed over.

    Raises:
        ValueError: A sidecar is damaged, or contradicts its rows.
    """
    from nsm.sweeps.rows.sidecar_file import EDITED, read_sidecar

    for path in rows:
        sidecar = read_sidecar(path)
        if sidecar is not None and EDITED in sidecar.notes:
            console().print(f"warning, {path}: {EDITED}", soft_wrap=True, highlight=False)
