"""Ranges of a chip's converters from data: what each layer sees decides what it resolves."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crossbar.arrays.clipping import ClipCount
from crossbar.arrays.conversion import Converters
from crossbar.arrays.drivers import Drivers
from crossbar.converters import ROUNDING
from devices.validation import Floats
from nsm.chips.converter_range import best_range, checked_percentile
from nsm.chips.layers.read_context import call_now
from nsm.chips.layers.tile_layer import TileLayer

#: Most values of one site that are kept; if there are more, every second, fourth, … row is kept.
VALUES_KEPT = 1 << 22
#: The converters on one side of a layer.
Bank = Drivers | Converters


class Record:
    """The values in front of the converters of a layer during a run.

    Args:
        most: Values kept of each site. Which rows are kept depends on their number alone, not on
            the batches in which they come.
        call: Returns which call of the layer in a pass it is, such as a time step; None counts all
            as one.
    """

    def __init__(self, most: int = VALUES_KEPT, *, call: Callable[[], int] | None = None):
        self._most = most
        self._call = call or (lambda: 0)
        self._rows: dict[int, list[Floats]] = {}
        self._calls: dict[int, list[NDArray[np.int64]]] = {}
        self._seen: dict[int, int] = {}
        self._stride: dict[int, int] = {}

    def add(self, values: Any, site: int) -> None:
        """Take values (rows, columns) of a site, an array of numpy or torch."""
        rows: Floats = torch.as_tensor(values).detach().cpu().double().numpy()
        seen = self._seen.get(site, 0)
        stride = self._stride.setdefault(site, 1)
        kept = self._rows.setdefault(site, [])
        calls = self._calls.setdefault(site, [])
        kept.append(rows[-seen % stride :: stride].copy())
        calls.append(np.full(len(kept[-1]), self._call()))
        self._seen[site] = seen + len(rows)
        while sum(part.size for part in kept) > self._most and sum(map(len, kept)) > 1:
            self._stride[site] *= 2
            kept[:] = [np.concatenate(kept)[::2]]
            calls[:] = [np.concatenate(calls)[::2]]

    def of_sites(self) -> list[Floats]:
        """Return the kept values (rows, columns) of every site, in their order."""
        return [np.concatenate(self._rows[site]) for site in sorted(self._rows)]

    def clipped(self, limits: Floats) -> Floats:
        """Return the share of values of each site that limits are expected to clip, (sites,).

        Calls of a layer see different values (the last time steps of a sequence larger ones), and
        each of them may clip this share: it is the largest of the shares of all calls. The share of
        a call is that of its values, plus K/(n + 1) for the n values of each of m limits. Of n
        other values, the number that are larger than all of these has the geometric law
        P(k) = 2^−(k+1), of mean 1 and variance 2; K = m + 3 √(2 m) is three standard deviations
        above the mean of their sum.

        Args:
            limits: Largest values, (sites, 1) or (sites, columns).
        """
        columns = limits.shape[1]
        new = columns + 3 * np.sqrt(2 * columns)
        shares = []
        for site, of_site in zip(sorted(self._rows), limits, strict=True):
            values, calls = np.concatenate(self._rows[site]), np.concatenate(self._calls[site])
            beyond = (np.abs(values) > of_site * (1 + ROUNDING)).sum(axis=1)
            size = np.bincount(calls) * values.shape[1]
            seen = size > 0
            clipped = np.bincount(calls, weights=beyond)[seen]
            shares.append((clipped / size[seen] + new / (size[seen] + columns)).max())
        return np.array(shares)


class _Unseen:
    """The watch of converters that are calibrated later; it keeps nothing."""

    def add(self, values: Any, site: int) -> None:
        """Take values and forget them."""


@dataclass(frozen=True, eq=False)
class _State:
    """What a calibration that fails puts back.

    Attributes:
        bank: The converters.
        limits: The largest value that they convert, or one for each.
        expected: Share that the limits are expected to clip.
        clips: What was converted and clipped.
    """

    bank: Bank
    limits: Any
    expected: Any
    clips: ClipCount

    @classmethod
    def of(cls, bank: Bank) -> "_State":
        limits = bank.limit if isinstance(bank, Drivers) else bank.limits
        return cls(bank, limits, bank.expected, copy(bank.clips))

    def restore(self) -> None:
        if isinstance(self.bank, Drivers):
            self.bank.limit = self.limits
        else:
            self.bank.limits = self.limits
        self.bank.expected, self.bank.clips = self.expected, self.clips


def calibrate(
    layers: Sequence[TileLayer],
    run: Callable[[], object],
    *,
    method: str = "max",
    percentile: float | None = None,
    per: str = "layer",
) -> None:
    """Set the ranges of the converters of a chip to what they see in a run.

    Layers are calibrated from front to back, each with a run of its own for its DAC and for its
    ADC: it sees what comes out of the calibrated converters in front of it, while those behind it
    neither clip nor round. Ranges that the hardware gives as a number stay as they are. None of
    these reads is counted; afterwards, all counts of what is clipped begin at zero.

    Args:
        layers: The layers on tiles, in order.
        run: Reads the chip on the data; what it returns is not used.
        method: "max" (default): the largest |value|. "percentile": that percentile of the |values|.
            "least_squares": the range with the least squared error of conversion, clipping and
            rounding together.
        percentile: Percentile in (0, 100] of the method "percentile"; None for 99.9.
        per: "layer" (default): one range for all converters of a layer. "column": one for each bit
            line. The DACs of a layer share one range in any case.

    Raises:
        ValueError: No layer has a converter whose range is open, an option is unknown or has no
            effect, or a layer sees no value other than 0. Ranges and counts are then as before.
    """
    share = checked_percentile(method, percentile, per)
    opened = _open_converters(layers, per)
    before = [_State.of(converters) for _, of in opened for converters in of]
    counts = [bank.clips for layer in layers for bank in _banks(layer)]
    for count in counts:
        count.pauses = True
    _watch_nothing(opened)
    try:
        for layer, of in opened:
            for converters in of:
                record = Record(call=partial(call_now, layer.position))
                converters.watch = record
                run()
                _set_range(layer.name, converters, record, method, share, per)
                converters.watch = None
            _close(layer)
    except BaseException:
        for state in before:
            state.restore()
        raise
    finally:
        for layer in layers:
            _close(layer)
        for count in counts:
            count.pauses = False
    for count in counts:
        count.reset()


def has_open_converters(layers: Sequence[TileLayer]) -> bool:
    """Return whether a layer has a converter whose range a calibration sets."""
    banks = [bank for layer in layers for bank in _banks(layer)]
    return any(_is_open(bank) for bank in banks)


def check_options_act(method: str, percentile: float | None, per: str) -> None:
    """Raise ValueError if an option of the ranges is not the default, where there are none to set.

    Args:
        method: Method of `calibrate`.
        percentile: Its percentile.
        per: What shares a range.
    """
    checked_percentile(method, percentile, per)
    given = {"method": (method, "max"), "percentile": (percentile, None), "per": (per, "layer")}
    for name, (value, default) in given.items():
        if value != default:
            raise ValueError(
                f"{name} = {value!r} has no effect: this chip has no converter of open range, and "
                "the compensation is measured from total currents; leave it out"
            )


def _is_open(bank: Bank) -> bool:
    """Return whether a calibration sets the range of these converters."""
    return bank.is_open if isinstance(bank, Drivers) else bank.adc.range is None


def _watch_nothing(opened: Sequence[tuple[TileLayer, list[Bank]]]) -> None:
    """Let the converters that are calibrated later neither clip nor round."""
    for layer, of in opened:
        # An ADC with a given range does not clip either until its DAC is calibrated: inputs of an
        # open DAC are exact, and may cause currents that do not occur later.
        for converters in (*of, layer.neurons.converters):
            if converters is not None:
                converters.watch = _Unseen()


def _banks(layer: TileLayer) -> list[Bank]:
    """Return what converts in a layer: its drivers, and its converters if there are any."""
    banks = layer.neurons.drivers, layer.neurons.converters
    return [bank for bank in banks if bank is not None]


def _close(layer: TileLayer) -> None:
    """Let the converters of a layer convert again."""
    for bank in _banks(layer):
        bank.watch = None


def _open_converters(layers: Sequence[TileLayer], per: str) -> list[tuple[TileLayer, list[Bank]]]:
    """Return the layers that have converters of open range, and these: DAC before ADC."""
    found: list[tuple[TileLayer, list[Bank]]] = []
    is_any = False
    for layer in layers:
        drivers, converters = layer.neurons.drivers, layer.neurons.converters
        of: list[Bank] = []
        is_any |= drivers.dac is not None or drivers.is_open or converters is not None
        of += [bank for bank in (drivers, converters) if bank is not None and _is_open(bank)]
        if of:
            found.append((layer, of))
    if not is_any:
        raise ValueError(
            "this chip has no converters to calibrate; map the network to hardware with some, as "
            "Hardware(adc=crossbar.Adc(bits=8)), Hardware(dac=crossbar.Dac(bits=8)) or "
            'Hardware(input_scale="calibrated")'
        )
    if not found:
        raise ValueError(
            "every converter of this chip has a range that the hardware gives as a number; leave "
            "Adc.range or Dac.range out (None) to calibrate it"
        )
    if per == "column" and not any(isinstance(c, Converters) for _, of in found for c in of):
        raise ValueError(
            'per = "column" has no effect: this chip has no ADC of open range, and the DACs of a '
            'layer share one; choose per = "layer"'
        )
    return found


def _set_range(
    name: str,
    converters: Bank,
    record: Record,
    method: str,
    percentile: float,
    per: str,
) -> None:
    """Set the range of the converters of one layer to the values that they saw at every site."""
    what = "inputs" if isinstance(converters, Drivers) else "currents"
    seen = record.of_sites()
    if not seen:
        raise ValueError(f"{name} was not read in the run that should calibrate it")
    if not any(values.any() for values in seen):
        raise ValueError(
            f"{name}: all {what} that the calibration saw are 0, which gives no range; calibrate "
            "with other inputs"
        )
    if isinstance(converters, Drivers):
        dac = converters.dac
        convert = (lambda x, limit: np.clip(x, -limit, limit)) if dac is None else dac.convert
        limit = best_range(seen[0], method, percentile, convert)
        converters.calibrate(limit, float(record.clipped(np.full((1, 1), limit))[0]))
        return
    convert = converters.adc.convert
    pooled = np.concatenate([values.ravel() for values in seen])
    limits = np.full((converters.sites, 1), best_range(pooled, method, percentile, convert))
    if per == "column":
        of_columns = [
            [best_range(column, method, percentile, convert) for column in values.T]
            for values in seen
        ]
        # A column that saw nothing but 0 has the range of the layer.
        limits = np.where(np.array(of_columns) > 0, of_columns, limits)
    converters.calibrate(limits, record.clipped(limits))
