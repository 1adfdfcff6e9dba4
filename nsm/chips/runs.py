"""Runs of a chip: all reads of some images, in spans that fit into memory."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crossbar.reads.sampling import check_sampling
from crossbar.reads.span import Span
from devices.seeding import child, seed_number
from devices.validation import integer
from nsm.chips.chain_reads import ChainReads
from nsm.chips.images import InputForm
from nsm.chips.layers.read_context import Reads, reading
from nsm.chips.layers.states import tensor_of
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.planning.chain import is_chain
from nsm.chips.planning.check import without_fast_path
from nsm.chips.structures import combined, leaves, mapped
from nsm.chips.watched_runs import SpanSizes, watched
from nsm.nn.inference import Floats
from nsm.nn.stochastic import seed_torch

#: Key below a run's seed of what torch draws; positions of layers are below.
_OF_TORCH = 1 << 30
#: Reads of one array in memory at a time, unless the caller says otherwise.
READS_AT_ONCE = 1 << 14


def runs(
    network: nn.Module,
    images: Any,
    samples: int,
    seed: np.random.SeedSequence,
    *,
    sampling: str = "exact",
    reads_at_once: int = READS_AT_ONCE,
    form: InputForm,
    locations: int = 1,
    first: int = 0,
) -> Iterator[tuple[Span, Any]]:
    """Yield the reads of a run in spans, with their outputs: tensors whose first axis is the reads.

    Args:
        network: The network of a chip. A chain of chip layers takes one array of images, every
            other network its arguments.
        images: Checked images, (batch, ...), or a tuple of tensors, the arguments of the network;
            the samples of one image are adjacent reads.
        samples: Passes of each image.
        seed: Seed of the run. A read's draws depend on it and on the read's number.
        sampling: "exact" or "moments".
        reads_at_once: Rough number of reads of the busiest array in memory.
        form: What the network takes.
        locations: Reads of the busiest array in one pass, of a network that is no chain.
        first: Number of the first image in the run, of which `images` are a block.
    """
    integer("reads_at_once", reads_at_once, at_least=1)
    check_sampling(sampling)
    if is_chain(network):
        found = _runs_of_chain(network, images, samples, seed, sampling, reads_at_once, first)
    else:
        at_once = reads_at_once // locations
        found = _runs_of_network(network, images, samples, seed, sampling, at_once, form, first)
    return watched(found, form.batch(images) * samples, partial(_paths, network, sampling))


def _paths(network: nn.Module, sampling: str) -> str:
    """Return how the layers of a network are read, and which fields of the hardware chose that."""
    readers = [m.neurons.main.reader for m in network.modules() if isinstance(m, TileLayer)]
    if sampling == "moments":
        return "one normal per output"
    paths = [f"{r.describe()} ({r.chosen_by()})" for r in readers if r.chosen_by()]
    return "; ".join(dict.fromkeys(paths))


def spans(
    total: int, samples: int, at_once: int, first: int = 0, *, for_bar: bool = False
) -> Iterator[Span]:
    """Yield spans of about `at_once` reads; they hold complete images if one image fits.

    Args:
        total: Number of all reads.
        samples: Reads of each image; they are adjacent.
        at_once: Rough number of reads of a span.
        first: Number of the first read in the run.
        for_bar: Whether spans are cut so that a bar moves; outputs must be the same wherever the
            run is cut.
    """
    most = reads_per_span(samples, at_once)
    sizes = SpanSizes(samples, most, total) if for_bar else None
    start = first
    while start < first + total:
        step = most if sizes is None else sizes.next()
        yield Span(start, min(start + step, first + total), samples)
        start += step


def reads_per_span(samples: int, at_once: int) -> int:
    """Return the reads of a span: complete images if one image fits into `at_once` reads."""
    at_once = max(1, at_once)
    return at_once if samples > at_once else at_once - at_once % samples


def _runs_of_chain(
    network: nn.Module,
    images: Floats,
    samples: int,
    seed: np.random.SeedSequence,
    sampling: str,
    reads_at_once: int,
    first: int,
) -> Iterator[tuple[Span, torch.Tensor]]:
    chain = ChainReads.of(network, images[:1], sampling)
    at_once = reads_at_once // chain.memory
    total = len(images) * samples
    is_long = not chain.is_short(total)
    for span in spans(total, samples, at_once, first * samples, for_bar=is_long):
        needed = images[span.first // samples - first : (span.last - 1) // samples + 1 - first]
        yield span, chain.read(network, needed, Reads(span, sampling, seed))


def _runs_of_network(
    network: nn.Module,
    inputs: tuple[Any, ...],
    samples: int,
    seed: np.random.SeedSequence,
    sampling: str,
    at_once: int,
    form: InputForm,
    first: int,
) -> Iterator[tuple[Span, Any]]:
    for span, needed in argument_spans(form, inputs, samples, at_once, first):
        outputs = read_once(network, Reads(span.each(), sampling, seed), needed)
        check_rows(outputs, span.reads, needed)
        yield span, outputs


def argument_spans(
    form: InputForm, inputs: tuple[Any, ...], samples: int, at_once: int, first: int = 0
) -> Iterator[tuple[Span, tuple[Any, ...]]]:
    """Yield spans of reads of a network that is no chain, with its arguments for them.

    Args:
        form: What the network takes.
        inputs: Checked images, the network's arguments.
        samples: Reads of each image.
        at_once: Rough number of reads of a span; 1 if the network's layers need a pass for each.
        first: Number of the first image in the run.
    """
    step = 1 if form.one_by_one else at_once
    for span in spans(form.batch(inputs) * samples, samples, step, first * samples):
        yield span, form.chosen(inputs, np.arange(span.first, span.last) // samples - first)


def by_sample(parts: list[Any], batch: int, samples: int) -> Any:
    """Return the outputs of a run as float64 in numpy, (samples, batch, ...).

    Args:
        parts: Outputs of its spans, (reads, ...): tensors, or structures of them.
        batch: Number of images.
        samples: Reads of each image.
    """

    def joined(tensors: list[Tensor]) -> Floats:
        # Not torch.cat: its threads would spin for milliseconds, on cores that the next reads need.
        values = np.concatenate([_in_numpy(t).astype(float, copy=False) for t in tensors])
        out: Floats = values.reshape(batch, samples, *values.shape[1:]).swapaxes(0, 1)
        return out

    return combined(joined, parts)


def _in_numpy(tensor: Tensor) -> Floats:
    """Return a tensor as an array; numbers of less than 32 bits, not all of which numpy has, as
    float32.
    """
    is_short = tensor.is_floating_point() and tensor.itemsize < 4
    values: Floats = (tensor.float() if is_short else tensor).numpy(force=True)
    return values


def check_rows(outputs: Any, rows: int, inputs: tuple[Any, ...]) -> None:
    """Raise ValueError unless a network gave one row of outputs for each row of its inputs."""
    for out in leaves(outputs):
        if not out.ndim or len(out) != rows:
            shapes = ", ".join(str(tuple(t.shape[1:])) for t in leaves(inputs))
            raise ValueError(
                f"the network gave outputs of shape {tuple(out.shape)} for {rows} inputs of shape "
                f"{shapes}; give images of the shape that it was made for"
            )


def read_once(
    network: nn.Module, reads: Reads, arguments: tuple[Any, ...], options: Any = None
) -> Any:
    """Return the outputs of one pass of a network that takes and returns tensors.

    What the network itself draws from torch (functional dropout) depends on the seed and the first
    read, so that it changes when a run is cut into other batches.

    Args:
        network: The network of a chip that is no chain.
        reads: The reads that its layers make.
        arguments: Its arguments, one row for each read.
        options: Its keyword arguments; None for none.
    """
    with (
        reading(reads),
        torch.no_grad(),
        without_fast_path(),
        torch.random.fork_rng(devices=[]),
    ):
        seed_torch(seed_number(child(reads.seed, _OF_TORCH, reads.span.first)))
        return mapped(tensor_of, network(*arguments, **(options or {})))
