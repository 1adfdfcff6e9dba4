"""Every layer of torch that goes on tiles, and those between that stay digital."""

import torch
from torch import Tensor, nn

from tests.helpers.zoo.common import BATCH, Example, Zoo, uniform

LAYERS = Zoo()
put, layer = LAYERS.put, LAYERS.layer

layer("linear", lambda: nn.Linear(6, 4), 6)
layer("linear_of_sequences", lambda: nn.Linear(6, 4, bias=False), 5, 6)
layer("conv1d", lambda: nn.Conv1d(3, 4, 3, stride=2, padding=1), 3, 9)
layer("conv2d", lambda: nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(0, 1)), 3, 7, 6)
layer("conv3d", lambda: nn.Conv3d(2, 3, (1, 2, 3), padding=1), 2, 3, 4, 5)
layer(
    "conv_transpose1d",
    lambda: nn.ConvTranspose1d(3, 4, 3, stride=3, output_padding=2, dilation=2),
    3,
    5,
)
layer(
    "conv_transpose2d",
    lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2, output_padding=(1, 0)),
    4,
    4,
    3,
)
layer("conv_transpose3d", lambda: nn.ConvTranspose3d(2, 3, 2, padding=1, bias=False), 2, 3, 3, 4)
layer("groups", lambda: nn.Conv2d(6, 9, 3, groups=3), 6, 5, 5)
layer("depthwise", lambda: nn.Conv2d(4, 8, 3, groups=4, padding=1), 4, 5, 5)
layer("dilation", lambda: nn.Conv2d(2, 3, 3, dilation=(2, 3), padding=2), 2, 7, 8)
for _mode in ("reflect", "replicate", "circular"):
    layer(
        f"padding_{_mode}",
        lambda mode=_mode: nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode=mode),
        2,
        5,
        6,
    )
layer("padding_same", lambda: nn.Conv1d(2, 3, 5, padding="same", dilation=2), 2, 9)
layer("padding_valid", lambda: nn.Conv2d(2, 3, 3, padding="valid"), 2, 5, 5)

for _name, _between in {
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(dim=-1),
    "layer_norm": lambda: nn.LayerNorm(8),
    "prelu": lambda: nn.PReLU(8),
}.items():
    layer(
        _name,
        lambda between=_between: nn.Sequential(nn.Linear(6, 8), between(), nn.Linear(8, 4)),
        6,
    )
layer("log_softmax", lambda: nn.Sequential(nn.Linear(6, 4), nn.LogSoftmax(dim=1)), 6)
for _name, _between in {
    "group_norm": lambda: nn.GroupNorm(2, 4),
    "instance_norm": lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
    "dropout2d": nn.Dropout2d,
    "max_pool_with_stride": lambda: nn.MaxPool2d(2, (2, 2)),
    "adaptive_average_pool": lambda: nn.AdaptiveAvgPool2d((3, 2)),
    "upsample": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    "pixel_shuffle": lambda: nn.Sequential(nn.PixelShuffle(2), nn.PixelUnshuffle(2)),
}.items():
    layer(
        _name,
        lambda between=_between: nn.Sequential(
            nn.Conv2d(2, 4, 3), between(), nn.ReLU(), nn.Conv2d(4, 3, 2)
        ),
        2,
        8,
        8,
    )


@LAYERS.add
def nested_sequential() -> Example:
    inner = nn.Sequential(nn.Linear(6, 8), nn.Sequential(nn.ReLU(), nn.Identity()))
    return nn.Sequential(inner, nn.Identity(), nn.Linear(8, 4)), (uniform(BATCH, 6),)


@LAYERS.add
def embedding() -> Example:
    model = nn.Sequential(nn.Embedding(11, 6), nn.Flatten(), nn.Linear(24, 4))
    return model, (torch.randint(11, (BATCH, 4)),)


put("rnn", lambda: (nn.RNN(4, 5, nonlinearity="relu"), (uniform(6, BATCH, 4),)))
put(
    "lstm",
    lambda: (nn.LSTM(4, 5, 2, bidirectional=True), (uniform(6, BATCH, 4),)),
)
put("gru", lambda: (nn.GRU(4, 5, 2, batch_first=True, dropout=0.5), (uniform(BATCH, 6, 4),)))


class Unrolled(nn.Module):
    """A recurrent cell that is called in a loop, and a layer that reads its last state."""

    def __init__(self, cell: nn.RNNCellBase) -> None:
        super().__init__()
        self.cell = cell
        self.head = nn.Linear(cell.hidden_size, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for inputs in x.unbind(1):
            state = self.cell(inputs, state)
        return self.head(state[0] if isinstance(state, tuple) else state)


layer("rnn_cell", lambda: Unrolled(nn.RNNCell(4, 5)), 6, 4)
layer("lstm_cell", lambda: Unrolled(nn.LSTMCell(4, 5)), 6, 4)
layer("gru_cell", lambda: Unrolled(nn.GRUCell(4, 5, bias=False)), 6, 4)


@LAYERS.add
def self_attention() -> Example:
    x = uniform(BATCH, 5, 8)
    return nn.MultiheadAttention(8, 2, batch_first=True), (x, x, x)


@LAYERS.add
def cross_attention() -> Example:
    attention = nn.MultiheadAttention(6, 3, kdim=4, vdim=5, add_bias_kv=True, add_zero_attn=True)
    padding = torch.arange(7) >= torch.tensor([[7], [4], [2]])
    return attention, (uniform(5, BATCH, 6), uniform(7, BATCH, 4), uniform(7, BATCH, 5), padding)
