"""Text of files that instruments and spreadsheets wrote: UTF-8, UTF-16 or Windows-1252."""

import codecs
from pathlib import Path

#: Marks at the beginning of a file and the encodings that they tell; the longer ones stand first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: How many bytes are searched for those that no table in one of the encodings has.
_PEEK = 4096


def text_of(path: Path) -> tuple[str, list[str]]:
    """Return the text of a file, and a note if its encoding was assumed.

    A mark at the beginning (BOM) tells UTF-8, UTF-16 or UTF-32. A file without a mark is UTF-8, or
    Windows-1252 if it has bytes that UTF-8 does not have, such as the single byte 0xB5 for µ.

    Args:
        path: The file.

    Raises:
        ValueError: If the file is no text in one of these encodings.
    """
    data = path.read_bytes()
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if marked is None and b"\0" in data[:_PEEK]:
        raise _not_text(path, "it has bytes of value 0, as UTF-16 without a mark or no text has")
    try:
        return data.decode(marked or "utf-8"), []
    except UnicodeDecodeError as problem:
        if marked is not None:
            name = marked.removesuffix("-sig").upper()
            reason = f"its first bytes say {name}, and byte {problem.start} is wrong"
            raise _not_text(path, reason) from None
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as problem:
        reason = f"byte {problem.start} is neither in UTF-8 nor in Windows-1252"
        raise _not_text(path, reason) from None
    return text, ["The file is not in UTF-8: read as Windows-1252, also called Latin-1 or ANSI."]


def _not_text(path: Path, reason: str) -> ValueError:
    """Return the error that a file is no text that can be read."""
    return ValueError(f"{path} is no text that can be read: {reason}; save it as UTF-8")
