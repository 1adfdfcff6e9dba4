"""A checksum of all that a file of tensors holds, so that a flipped bit is no other network."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

#: Key of the checksum in the metadata.
CHECKSUM = "checksum"
#: Keys that files of this package have. A file without a checksum has no others: one of an earlier
#: version, in which the name of the checksum itself cannot have been changed.
_KEYS = frozenset(
    ("format", "architecture", "note", "extras", "training", "chip", "learning", "tied", "frozen")
)


def checksum_of(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Return the BLAKE2 hash of names, types, shapes and values of tensors, and of the metadata."""
    found = hashlib.blake2b(digest_size=16)

    def add(text: str) -> None:
        content = text.encode()
        found.update(len(content).to_bytes(8, "little") + content)

    for key in sorted(metadata.keys() - {CHECKSUM}):
        add(key)
        add(metadata[key])
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        add(f"{name} {tensor.dtype} {tuple(tensor.shape)}")
        if tensor.numel():
            # A single number may have any stride, and bytes are seen only with one of 1.
            flat = tensor.as_strided((tensor.numel(),), (1,))
            found.update(flat.view(torch.uint8).numpy())
    return found.hexdigest()


def is_as_written(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bool:
    """Return whether a file holds what was written to it; also if it is too old to tell."""
    if CHECKSUM not in metadata:
        return metadata.keys() <= _KEYS
    return metadata[CHECKSUM] == checksum_of(tensors, metadata)
