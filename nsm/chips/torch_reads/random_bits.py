"""Random bits from a counter, the same on every device of torch.

A gate is open with probability p where a random number of up to 24 binary digits lies below p, as
many as a uniform number of float32 has. The digits are bits of random words of Philox 4×32 with
ten rounds (Salmon et al. 2011, doi:10.1145/2063384.2063405): a fixed function of a key and a
counter. A mask therefore depends neither on the device nor on how many reads are drawn at once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

#: Bits of a word.
WORD = 32
#: Word lines whose gates of one column come from one block of four words.
LINES = 4 * WORD
#: Largest number of binary digits of a probability.
DIGITS = 24
#: Multipliers, and what the key grows by in every round.
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
INCREMENTS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10

_WORD_MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Opening:
    """The probability that gates are open, in binary digits.

    Attributes:
        code: The digits as a whole number; its lowest bit is 1 unless there are no digits.
        digits: Their number, at most 24; 0 where gates are always open.
    """

    code: int
    digits: int

    @classmethod
    def of(cls, p: float) -> "Opening":
        """Return the probability p in (0, 1], rounded to a multiple of 2⁻²⁴."""
        code, digits = max(1, round(p * 2**DIGITS)), DIGITS
        while digits and code % 2 == 0:
            code, digits = code // 2, digits - 1
        return cls(code, digits)


@dataclass(frozen=True)
class Draw:
    """Which random words a read takes.

    Attributes:
        key: Key of all words of a run, a whole number of 64 bits.
        call: Number of the read of an array within the run.
    """

    key: int
    call: int


def words(draw: Draw, reads: Tensor, columns: Tensor, blocks: Tensor) -> tuple[Tensor, ...]:
    """Return four random words for every counter, as whole numbers in int64.

    Args:
        draw: Key, and the last word of the counter.
        reads, columns, blocks: First, second and third word of the counter; they are broadcast.
    """
    c0, c1, c2 = (t.clone() for t in torch.broadcast_tensors(reads, columns, blocks))
    c3 = torch.full_like(c0, draw.call)
    k0, k1 = draw.key & _WORD_MASK, (draw.key >> WORD) & _WORD_MASK
    for _ in range(ROUNDS):
        of_c0, of_c2 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1 = _upper(of_c2) ^ c1 ^ k0, of_c2 & _WORD_MASK
        c2, c3 = _upper(of_c0) ^ c3 ^ k1, of_c0 & _WORD_MASK
        k0, k1 = (k0 + INCREMENTS[0]) & _WORD_MASK, (k1 + INCREMENTS[1]) & _WORD_MASK
    return c0, c1, c2, c3


def _upper(product: Tensor) -> Tensor:
    """Return the upper words of products, which int64 keeps modulo 2⁶⁴."""
    return (product >> WORD) & _WORD_MASK


def open_gates(draw: Draw, opening: Opening, reads: Tensor, lines: int, columns: int) -> Tensor:
    """Return which gates are open in reads, (reads, columns, lines), as truth values.

    Args:
        draw: The random words.
        opening: Probability of an open gate.
        reads: Numbers of the reads, (reads,).
        lines: Number of word lines.
        columns: Number of columns of gates.
    """
    blocks = -(-lines // LINES)
    where = reads.device
    if not opening.digits:
        return torch.ones((len(reads), columns, lines), dtype=torch.bool, device=where)
    column = torch.arange(columns, device=where)[:, None]
    block = torch.arange(blocks, device=where) * opening.digits
    is_open = torch.zeros((len(reads), columns, blocks, 4), dtype=torch.int64, device=where)
    for digit in range(opening.digits):
        four = torch.stack(words(draw, reads[:, None, None], column, block + digit), dim=-1)
        # From the last digit on: a one leaves what is below it open, a zero closes what is above.
        is_open = four | is_open if opening.code >> digit & 1 else four & is_open
    bits = is_open[..., None] >> torch.arange(WORD, device=where) & 1
    return bits.flatten(2)[..., :lines].bool()
