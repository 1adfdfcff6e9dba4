"""Dropout that is kept on at inference, to draw samples, with the random numbers of a chip's reads.

It is computed digitally. Torch's own dropout would draw by the place in a batch; this one draws by
the number of the read, so that samples do not depend on how a run is cut into batches.
"""

import numpy as np
import torch
from torch import Tensor, nn

from crossbar.reads.span import draws
from nsm.chips.layers.read_context import reads_now

#: Layers of torch that drop values -> the first axis along which values share one draw; None if
#: every value has its own.
_SHARED_BEHIND: dict[type[nn.Module], int | None] = {
    nn.Dropout: None,
    nn.Dropout1d: 2,
    nn.Dropout2d: 2,
    nn.Dropout3d: 2,
}

#: Layers, and the axes of their inputs, where torch takes the first axis for the channels.
_UNBATCHED = ((nn.Dropout1d, 2), (nn.Dropout3d, 4))


class KeptDropout(nn.Module):
    """Dropout in `train()` of a network in `eval()`, as Monte-Carlo dropout has it.

    On every read, values are dropped with probability p and the others divided by 1 − p.
    `nn.Dropout1d`, `nn.Dropout2d` and `nn.Dropout3d` drop whole channels.

    Args:
        layer: The layer of torch.
    """

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer
        self.p = float(layer.p)  # type: ignore[arg-type]
        self.position = 0

    @staticmethod
    def is_kept(layer: nn.Module) -> bool:
        """Return whether a layer is dropout that is on."""
        return type(layer) in _SHARED_BEHIND and layer.training

    def forward(self, x: Tensor) -> Tensor:
        """Return x with some values dropped; outside a read, drawn as torch draws."""
        reads = reads_now()
        if reads is None or not 0 < self.p < 1:
            out: Tensor = self.layer(x)
            return out
        behind = _SHARED_BEHIND[type(self.layer)]
        if (type(self.layer), x.ndim) in _UNBATCHED:
            behind = 1
        shape = x.shape if behind is None else (*x.shape[:behind], *(1,) * (x.ndim - behind))
        columns = int(np.prod(shape[1:]))
        span, seed = reads.next_call(self.position, len(x))
        uniform = draws(span, columns, seed, np.random.Generator.random).reshape(shape)
        kept = torch.as_tensor(uniform >= self.p, device=x.device)
        return x * kept / (1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"
