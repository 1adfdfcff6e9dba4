"""What a device file looks like: the lines of each field, and the comments in and above it."""

import tomllib
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

#: The line above comments that belong to no field.
EARLIER = "# Comments of the earlier file:"


@dataclass(kw_only=True)
class Written:
    """The text of a device file by its fields.

    Attributes:
        above: Lines of comment above each field.
        lines: Lines of each field: a statement, or a table with everything in it.
        others: Comments that belong to no field.
    """

    above: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    def unchanged(self, name: str, value: Any) -> list[str]:
        """Return the lines of a field if they still say its value; none if they do not."""
        lines = self.lines.get(name, [])
        return lines if tomllib.loads("\n".join(lines)) == {name: value} else []

    def is_section(self, name: str) -> bool:
        """Return whether a field was written as a table with a header, such as [read_noise]."""
        return bool(self.lines.get(name)) and self.lines[name][0].lstrip().startswith("[")

    def inside(self, name: str) -> list[str]:
        """Return the comments within the lines of a field: those of whole lines, and behind it."""
        return [
            comment
            for statement in _statements("\n".join(self.lines.get(name, [])))
            if (comment := _comment_of(statement))
        ]


def written_in(text: str, ours: Set[str]) -> Written:
    """Return the fields of a device file as they are written.

    Comments stand above the field of the next line. Those above an empty line belong to the table
    in which they stand, or to no field.

    Args:
        text: The file, which is TOML.
        ours: Lines that every device file has, which are left out.
    """
    found = Written()
    section = ""
    block: list[str] = []
    for lines in _statements(text):
        line = lines[0].strip()
        if line == EARLIER:
            section = ""
        elif line in ours:
            continue
        elif line.startswith("#"):
            block += lines
        elif not line:
            _put_aside(found, section, block)
            block = []
        else:
            name = next(iter(tomllib.loads("\n".join(lines))))
            if line.startswith("["):
                is_new, section = name != section, name
            else:
                is_new = not section
            place = section or name
            if is_new and place not in found.lines:
                found.above[place] = block
                found.lines[place] = lines
            else:
                found.lines[place] += [*block, *lines]
            block = []
    _put_aside(found, section, block)
    for lines in found.lines.values():
        while not lines[-1]:
            lines.pop()
    return found


def _put_aside(found: Written, section: str, block: list[str]) -> None:
    """Put comments above an empty line to the table in which they stand, or to no field."""
    if section:
        found.lines[section] += [*block, ""]
    else:
        found.others += block


def _statements(text: str) -> Iterator[list[str]]:
    """Yield the lines of each statement, comment and empty line of a TOML text."""
    lines: list[str] = []
    for line in text.splitlines():
        lines.append(line)
        try:
            tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError:
            continue  # an array or a text goes on in the next line
        yield lines
        lines = []


def _comment_of(lines: list[str]) -> str:
    """Return the comment in a statement, or the line if it is one; "" if there is none.

    A statement of several lines may have several, which are joined.
    """
    if lines[0].lstrip().startswith("#"):
        return lines[0].strip()
    text = "\n".join(lines)
    value = tomllib.loads(text)
    comments: list[str] = []
    at = 0
    while (at := text.find("#", at)) >= 0:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        rest = text[:at] + text[end:]
        if _says(rest, value):
            comments.append(text[at + 1 : end].strip())
            text = rest
        else:
            at += 1  # within a text in quotation marks
    return f"# {text.split('=')[0].strip()}: {'; '.join(comments)}" if comments else ""


def _says(text: str, value: Any) -> bool:
    """Return whether a TOML text has a value."""
    try:
        return tomllib.loads(text) == value
    except tomllib.TOMLDecodeError:
        return False
