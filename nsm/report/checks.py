"""Where a page may be written, checked before any work. This file imports nothing heavy."""

from pathlib import Path

from nsm.places import check_file


def default_page(rows: Path) -> Path:
    """Return the page of a file of rows: its name with the ending .html."""
    return rows.with_suffix(".html")


def check_page(path: Path) -> None:
    """Raise ValueError unless a page can be written to `path`."""
    check_file(path, "page.html")
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(
            f"cannot write a page to {path}: its name must end in .html, such as "
            f"{path.with_suffix('.html')}"
        )
