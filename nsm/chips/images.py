"""What a network takes: the shapes and precisions of its inputs, learned when it is mapped."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from devices.validation import array
from nsm.chips.structures import leaves, rows_of


@dataclass(frozen=True)
class InputForm:
    """The form of a network's inputs and outputs.

    Attributes:
        shape: Shape of one image, with None for an axis of any length; None: any shape.
        dtypes: Precision of every argument of a network that takes tensors; None for a chain of
            chip layers, which takes one array of float64.
        tried: Shape of one image of the inputs with which the mapping was checked.
        classes: Length of the axis after the batch of the network's output, for such images.
        by_row: Whether every row of the inputs is an image of its own.
        pixels: Lengths of the axes of the output after the classes.
    """

    shape: tuple[int | None, ...] | None = None
    dtypes: tuple[torch.dtype, ...] | None = None
    tried: tuple[int, ...] = ()
    classes: int = 0
    pixels: tuple[int | None, ...] = ()
    by_row: bool = True

    def checked(self, x: Any) -> Any:
        """Return images as the network takes them.

        Args:
            x: Images, (batch, ...); a tuple of arrays for a network of several inputs.

        Returns:
            Float64 for a chain of chip layers; else a tuple of tensors, the network's arguments.

        Raises:
            ValueError: x is a single image, has a wrong shape, or holds NaN, or there are other
                numbers of arguments.
        """
        if self.dtypes is None:
            values = x.detach().cpu().double().numpy() if isinstance(x, Tensor) else x
            images = array("x", values, shape=None if self.shape is None else (None, *self.shape))
            if images.ndim < 2:
                raise ValueError(f"x has shape {images.shape}; give (batch, …), one image or more")
            return images
        if not self.by_row:
            raise ValueError(
                "outputs of this network do not belong to rows of its inputs one by one: its batch "
                "is another axis than the first (give recurrent and attention layers "
                "batch_first=True), or its outputs depend on the other images of the batch; call "
                "chip(x), which makes one pass"
            )
        arguments = x if isinstance(x, tuple) else (x,)
        if len(arguments) != len(self.dtypes):
            raise ValueError(
                f"the network was mapped with {len(self.dtypes)} inputs, but {len(arguments)} were "
                "given; give a tuple of them"
            )
        tensors = tuple(
            as_tensor("x", a, dtype) for a, dtype in zip(arguments, self.dtypes, strict=True)
        )
        rows = {len(t) for t in tensors}
        if len(rows) > 1:
            raise ValueError(f"the inputs have different numbers of images: {sorted(rows)}")
        return tensors

    def chosen(self, images: Any, which: NDArray[np.int64]) -> Any:
        """Return some of checked images by their numbers."""
        if isinstance(images, np.ndarray):
            return images[which]
        return tuple(t[torch.as_tensor(which, device=t.device)] for t in images)

    def classes_of(self, images: Any) -> int | None:
        """Return the number of classes for checked images.

        None if it is not known: images of another size than was tried may give another number, as
        where a convolution is flattened last.
        """
        first = images if isinstance(images, np.ndarray) else leaves(images)[0]
        same = tuple(first.shape[1:]) == self.tried
        return self.classes if same and self.classes else None

    def batch(self, images: Any) -> int:
        """Return the number of checked images."""
        return len(images) if isinstance(images, np.ndarray) else rows_of(images)


def as_tensor(name: str, x: ArrayLike | Tensor, dtype: torch.dtype) -> Tensor:
    """Return an array or tensor with a batch as a tensor of that precision.

    Args:
        name: What messages call it.
        x: The values, (batch, ...).
        dtype: Precision of the result.

    Raises:
        ValueError: It holds NaN or something else than numbers, or has no axis of the batch.
    """
    if isinstance(x, Tensor):
        tensor = x.detach()
    else:
        try:
            tensor = torch.as_tensor(np.ascontiguousarray(x))
        except TypeError:
            raise ValueError(f"{name} holds something else than numbers; give an array") from None
    if tensor.ndim < 1:
        raise ValueError(f"{name} has shape (); give (batch, …), one image or more")
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return tensor.to(dtype)


def form_of_inputs(example: tuple[Any, ...], dtype: torch.dtype) -> tuple[torch.dtype, ...]:
    """Return the precision of every argument: that of the network, or whole numbers."""
    return tuple(dtype if t.is_floating_point() else t.dtype for t in leaves(example))
