"""Multiply-adds of a network by layer, counted while it runs."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nsm.chips.structures import leaves

F = nn.functional
_CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
_TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
_PRODUCTS = (
    torch.matmul, torch.mm, torch.bmm, Tensor.matmul, Tensor.mm, Tensor.bmm, Tensor.__matmul__,
)  # fmt: skip
_SUMMED_PRODUCTS = (torch.addmm, torch.baddbmm, Tensor.addmm, Tensor.baddbmm)


class _Counter(TorchFunctionMode):
    """Counts the multiply-adds of products, under the name of the layer that makes them."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.layers = [""]

    def add(self, number: int) -> None:
        name = self.layers[-1]
        self.counts[name] = self.counts.get(name, 0) + number

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.add(_multiply_adds(func, args, kwargs or {}, out))
        return out


def _multiply_adds(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int:
    """Return the multiply-adds of one call of torch; 0 if it is no product."""
    if func is F.linear or func in _CONVOLUTIONS:
        weight = kwargs["weight"] if "weight" in kwargs else args[1]
        return int(out.numel() * weight[0].numel())
    if func in _TRANSPOSED:
        weight = kwargs["weight"] if "weight" in kwargs else args[1]
        return int(args[0].numel() * weight[0].numel())
    if func in _PRODUCTS:
        return int(out.numel() * args[0].shape[-1])
    if func in _SUMMED_PRODUCTS:
        return int(out.numel() * args[1].shape[-1])
    if func is torch.einsum:
        return _of_einsum(args)
    if func is torch.tensordot:
        both = math.prod(args[0].shape) * math.prod(args[1].shape)
        return math.isqrt(both * out.numel())
    if func is F.scaled_dot_product_attention:
        query, key, value = args[:3]
        pairs = math.prod(query.shape[:-1]) * key.shape[-2]
        return int(pairs * (query.shape[-1] + value.shape[-1]))
    return 0


def _of_einsum(args: tuple[Any, ...]) -> int:
    """Return the multiply-adds of an einsum: the product of the sizes of all its indices."""
    equation, *operands = args
    if not isinstance(equation, str):
        return 0
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    sizes: dict[str, int] = {}
    for term, operand in zip(equation.split("->")[0].split(","), operands, strict=True):
        letters = term.replace(" ", "")
        before, _, after = letters.partition("...")
        shape = list(operand.shape)
        sizes.update(zip(before, shape, strict=False))
        sizes.update(zip(reversed(after), reversed(shape), strict=False))
        if "..." in letters:
            hidden = shape[len(before) : len(shape) - len(after)]
            sizes["..."] = max(sizes.get("...", 1), math.prod(hidden))
    return math.prod(sizes.values()) if len(operands) > 1 else 0


@contextmanager
def counting(network: nn.Module) -> Iterator[dict[str, int]]:
    """Count the multiply-adds of what runs inside the `with` block.

    Yields:
        Multiply-adds by the path of the layer that makes them: `path` of a planned layer, else the
        name of a module without children; "" of what the network's own forward does.
    """
    counter = _Counter()
    handles = []
    for path, module in network.named_modules():
        if any(True for _ in module.children()):
            continue
        name = getattr(module, "path", path)

        def enter(_module: nn.Module, inputs: Any, name: str = name) -> None:
            counter.layers.append(name)
            if isinstance(
                _module, (nn.RNNBase, nn.RNNCellBase)
            ):  # its products are inside one call of torch
                steps = leaves(inputs)[0].numel() // _module.input_size
                weights = sum(p.numel() for p in _module.parameters() if p.ndim > 1)
                counter.add(steps * weights)

        def leave(_module: nn.Module, _inputs: Any, _output: Any) -> None:
            counter.layers.pop()

        handles += [
            module.register_forward_pre_hook(enter, prepend=True),
            module.register_forward_hook(leave),
        ]
    try:
        with counter:
            yield counter.counts
    finally:
        for handle in handles:
            handle.remove()
