"""What a network takes: the shapes and precisions of its inputs, learned when it is mapped."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from devices.validation import any_array, array, refuse_masked
from nsm.chips.structures import leaves, mapped, rows_of


@dataclass(frozen=True)
class InputLeaf:
    """One tensor among the arguments of a network.

    Attributes:
        dtype: Its precision.
        per_image: Whether its first axis is the batch; other tensors, such as attention masks, are
            the same for all images.
    """

    dtype: torch.dtype
    per_image: bool


@dataclass(frozen=True)
class InputForm:
    """The form of a network's inputs and outputs.

    Attributes:
        shape: Shape of one image, with None for an axis of any length; None: any shape.
        arguments: The arguments of a network that takes tensors, with an `InputLeaf` in the place
            of each tensor; None for a chain of chip layers, which takes one array of float64.
        tried: Shape of one image of the inputs with which the mapping was checked.
        classes: Length of the axis after the batch of the network's output, for such images.
        pixels: Lengths of the axes of the output after the classes.
        by_row: Whether every row of the inputs is an image of its own.
        one_by_one: Whether every read needs a pass of its own: some layer sees rows that are not
            those of the images in turn, such as parameters, or a sequence with time first.
    """

    shape: tuple[int | None, ...] | None = None
    arguments: tuple[Any, ...] | None = None
    tried: tuple[int, ...] = ()
    classes: int = 0
    pixels: tuple[int | None, ...] = ()
    by_row: bool = True
    one_by_one: bool = False

    def checked(self, x: Any) -> Any:
        """Return images as the network takes them.

        Args:
            x: Images, (batch, ...); a tuple of arrays for a network of several inputs, a dict for
                one that takes a dict.

        Returns:
            Float64 for a chain of chip layers; else a tuple, the network's arguments.

        Raises:
            ValueError: x is a single image, has a wrong shape, or holds NaN, or there are other
                numbers of arguments.
        """
        if self.arguments is None:
            return self._array(x)
        if not self.by_row:
            raise ValueError(
                "outputs of this network do not belong to rows of its inputs one by one: its batch "
                "is another axis than the first (give recurrent and attention layers "
                "batch_first=True), an output has no batch, its outputs depend on the other images "
                "of the batch, or the inputs that were drawn when it was mapped had a wrong shape "
                "(give example=x[:4]); chip(x) makes one pass of any inputs"
            )
        given = x if isinstance(x, tuple) else (x,)
        if len(given) != len(self.arguments):
            raise ValueError(
                f"the network was mapped with {len(self.arguments)} inputs, but {len(given)} were "
                "given; give a tuple of them"
            )
        filled = tuple(_filled(*pair) for pair in zip(self.arguments, given, strict=True))
        rows = {len(t) for t in self._per_image(filled)}
        if len(rows) > 1:
            raise ValueError(f"the inputs have different numbers of images: {sorted(rows)}")
        return filled

    def _array(self, x: Any) -> NDArray[np.float64]:
        given = x.detach().cpu().double().numpy() if isinstance(x, Tensor) else x
        values = any_array("x", given)
        if self.shape is not None and values.ndim != len(self.shape) + 1:
            raise ValueError(
                f"x has shape {values.shape}; give (batch, "
                f"{', '.join('any' if n is None else str(n) for n in self.shape)}), or map the "
                "network with example=, inputs of the shape that you want to read"
            )
        shape = None if self.shape is None else (None, *self.shape)
        images = array("x", values, shape=shape, truth_values=True)
        if images.ndim < 2:
            raise ValueError(f"x has shape {images.shape}; give (batch, …), one image or more")
        return images

    def _per_image(self, arguments: tuple[Any, ...]) -> list[Tensor]:
        """Return the tensors of the arguments whose first axis is the batch."""
        pairs = zip(_input_leaves(self.arguments), leaves(arguments), strict=True)
        return [tensor for leaf, tensor in pairs if leaf.per_image]

    def chosen(self, images: Any, which: NDArray[np.int64]) -> Any:
        """Return some of checked images by their numbers."""
        if isinstance(images, np.ndarray):
            return images[which]
        its = iter(_input_leaves(self.arguments))
        numbers = torch.as_tensor(which)
        return mapped(lambda t: t[numbers.to(t.device)] if next(its).per_image else t, images)

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
        if isinstance(images, np.ndarray):
            return len(images)
        return rows_of(self._per_image(images))


def _input_leaves(arguments: Any) -> list[InputLeaf]:
    """Return the leaves of a form's arguments in order."""
    if isinstance(arguments, InputLeaf):
        return [arguments]
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    if isinstance(arguments, (tuple, list)):
        return [leaf for part in arguments for leaf in _input_leaves(part)]
    return []


def _filled(form: Any, x: Any) -> Any:
    """Return an argument in the form with which the network was mapped, its tensors converted."""
    if isinstance(form, InputLeaf):
        return as_tensor("x", x, form.dtype)
    if isinstance(form, dict):
        if not isinstance(x, dict) or set(x) != set(form):
            raise ValueError(
                f"an input of the network is a dict with the keys {sorted(form)}; give one, not a "
                f"{type(x).__name__}"
            )
        return {key: _filled(form[key], x[key]) for key in form}
    if isinstance(form, (tuple, list)):
        if not isinstance(x, (tuple, list)) or len(x) != len(form):
            raise ValueError(f"an input of the network has {len(form)} parts; give as many")
        return type(form)(_filled(*pair) for pair in zip(form, x, strict=True))
    return x


def as_tensor(name: str, x: ArrayLike | Tensor, dtype: torch.dtype) -> Tensor:
    """Return an array or tensor as a tensor of that precision.

    Raises:
        ValueError: It holds NaN or something else than numbers.
    """
    refuse_masked(name, x)
    if isinstance(x, Tensor):
        tensor = x.detach()
    else:
        try:
            tensor = torch.as_tensor(np.ascontiguousarray(x))
        except TypeError:
            raise ValueError(f"{name} holds something else than numbers; give an array") from None
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return tensor.to(dtype)


def form_of_inputs(example: tuple[Any, ...], dtype: torch.dtype) -> tuple[Any, ...]:
    """Return the arguments with an `InputLeaf` for each tensor: of the network's precision, or of
    whole numbers.
    """
    rows = rows_of(example)

    def leaf(t: Tensor) -> InputLeaf:
        own = dtype if t.is_floating_point() else t.dtype
        return InputLeaf(own, per_image=t.ndim > 0 and len(t) == rows)

    return tuple(mapped(leaf, argument) for argument in example)
