"""Inputs and outputs of other forms: several, of other types, and not contiguous in memory."""

import torch
from torch import Tensor, nn

from tests.helpers.zoo.common import BATCH, Example, Zoo, uniform

FORMS = Zoo()


class TwoInputs(nn.Module):
    """Images and a vector to numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten())
        self.vector = nn.Linear(4, 5)
        self.head = nn.Linear(3 * 9 + 5, 3)

    def forward(self, image: Tensor, vector: Tensor) -> Tensor:
        return self.head(torch.cat([self.image(image), self.vector(vector).tanh()], dim=1))


class Heads(nn.Module):
    """Two outputs of one trunk."""

    def __init__(self, named: bool) -> None:
        super().__init__()
        self.named = named
        self.trunk = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
        self.labels, self.boxes = nn.Linear(8, 3), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor] | dict[str, Tensor]:
        z = self.trunk(x)
        labels, boxes = self.labels(z), self.boxes(z)
        return {"labels": labels, "boxes": boxes} if self.named else (labels, boxes)


FORMS.put("two_inputs", lambda: (TwoInputs(), (uniform(BATCH, 2, 5, 5), uniform(BATCH, 4))))
FORMS.layer("outputs_in_a_tuple", lambda: Heads(named=False), 6)
FORMS.layer("outputs_in_a_dict", lambda: Heads(named=True), 6)


def small() -> nn.Sequential:
    """Return a small network of a convolution with batch norm and a fully connected layer."""
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 6, 4)
    )


def of_type(dtype: torch.dtype) -> Example:
    """Return the small network and its inputs in a type of numbers."""
    return small().to(dtype), (uniform(BATCH, 2, 5, 4).to(dtype),)


FORMS.put("float64", lambda: of_type(torch.float64))
FORMS.put("float16", lambda: of_type(torch.float16))
FORMS.put("bfloat16", lambda: of_type(torch.bfloat16))
FORMS.put("not_contiguous", lambda: (small(), (uniform(BATCH, 5, 2, 8).movedim(2, 1)[..., ::2],)))
FORMS.put("channels_last", lambda: (small(), (uniform(BATCH, 5, 4, 2).movedim(3, 1),)))
FORMS.put("expanded", lambda: (small(), (uniform(1, 2, 5, 4).expand(BATCH, -1, -1, -1),)))


@FORMS.add
def unbatched() -> Example:
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()), (uniform(2, 5, 4),)


class Reversed(nn.Module):
    """A layer that reads its inputs from behind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.flip(-1)).transpose(1, 2)


FORMS.layer("reversed", Reversed, 2, 7)
