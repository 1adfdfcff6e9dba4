"""What docstrings say of the fields of a class, for editors."""

from __future__ import annotations

import inspect
import re
from functools import cache

_FIELD = re.compile(r"    ([a-z_][a-z_0-9]*): (.*)")


@cache
def field_docs(cls: type) -> dict[str, str]:
    """Return what the section "Attributes:" (or "Args:") of a class says of each field.

    It is empty without such a section, or where Python was told to drop docstrings.
    """
    found: dict[str, str] = {}
    name = ""
    in_section = False
    for line in (inspect.getdoc(cls) or "").splitlines():
        if line in ("Attributes:", "Args:"):
            in_section = True
        elif line and not line.startswith(" "):
            in_section = False
        elif in_section:
            match = _FIELD.fullmatch(line)
            if match:
                name = match[1]
                found[name] = match[2].strip()
            elif name and line.strip():
                found[name] += f" {line.strip()}"
    return found
