"""The identity of hardware, by which a checkpoint knows for which chips its run trains."""

import hashlib
import json
from typing import Any

import numpy as np

from devices.validation import shortened
from nsm.chips.hardware_table import HardwareTable
from nsm.plain_data import CannotStore, encode


def hardware_identity(table: HardwareTable) -> str:
    """Return a hash of all fields of the hardware of every layer; equal hardware has equal ones.

    Args:
        table: Hardware by layer.

    Raises:
        ValueError: Naming a part that has no plain form.
    """
    arrays: dict[str, Any] = {}

    def other(part: Any, name: str) -> Any:
        raise CannotStore(
            f"a checkpoint cannot tell {name} = {shortened(part)} from others; make it a frozen "
            "dataclass of numbers, texts, arrays and other dataclasses, or train without checkpoint"
        )

    plain = encode([list(item) for item in table.items()], "hardware", arrays=arrays, other=other)
    found = hashlib.sha256(json.dumps(plain).encode())
    for name, values in sorted(arrays.items()):
        array = np.ascontiguousarray(values)
        found.update(f"{name}{array.dtype}{array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:16]
