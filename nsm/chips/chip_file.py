"""Chips on disk: programmed conductances, noise states, hardware, seeds and network; no pickle.

A chip is read by mapping its network again with the arguments of the first time. Everything that
was drawn or has changed since then comes from the file, and replaces what this mapping has drawn.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crossbar.arrays.snapshot import NeuronSnapshot, restore, snapshot
from devices.user_warnings import warn_user
from devices.validation import Floats, shortened
from nsm.chips.chip import MappedNetwork
from nsm.chips.layers.compensation import Compensation
from nsm.chips.layers.readouts import Readout
from nsm.chips.layers.tile_layer import TileLayer
from nsm.chips.layers.tuning import Tuning
from nsm.chips.map import map_to_crossbar
from nsm.chips.planning.planner import exact_copy
from nsm.chips.reference_outputs import check_outputs, reference_outputs
from nsm.nn.files.stored import Stored
from nsm.nn.files.tensor_file import check_writing, from_metadata, read_tensors, write_tensors
from nsm.nn.files.weights import put_weights
from nsm.nn.inference import check_model
from nsm.plain_data import CannotStore, Catalog, Plain, decode, encode, given_classes
from nsm.same import same

FORMAT = "nsm-crossbar chip 1"
#: Packages whose descriptions (dataclasses, named tuples, enumerations) files may name.
_PACKAGES = ("devices", "crossbar", "nsm")
#: What the names of the network's tensors in the file begin with.
_NETWORK = "network."


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """What a layer on tiles remembers.

    Attributes:
        path: Where the layer stands in the network.
        neurons: What its arrays and their converters remember.
        row_factors: Factors by which the weights of each output were multiplied.
        readout: Comparators with their offsets, or a `Converter`; what belongs to the layer is
            stored in `neurons`.
        locations: At how many locations the layer was last read for each input.
        reads_per_pass: How often it was read for each input in the last pass.
        wanted: Weights (outputs, inputs) that its main array was to hold.
        report: Its row of the report: how well it was programmed.
        compensation: Factors for a common change of its conductances; None in files that were
            written before layers could be compensated.
        tuning: Parameters of its periphery; None if it was not tuned, as in older files.
    """

    path: str
    neurons: NeuronSnapshot
    row_factors: Floats
    readout: Readout
    locations: int
    reads_per_pass: int
    wanted: Floats
    report: dict[str, object]
    compensation: Compensation | None = None
    tuning: Tuning | None = None

    @classmethod
    def of(cls, layer: TileLayer) -> "LayerRecord":
        """Return what a layer remembers."""
        return cls(
            layer.path,
            snapshot(layer.neurons),
            layer.row_factors,
            layer.readout.of(None),
            layer.locations,
            layer.reads_per_pass,
            layer.wanted,
            layer.report,
            layer.compensation,
            layer.tuning if layer.tuning.of else None,
        )

    def put_into(self, layer: TileLayer) -> None:
        """Let a layer of the same network and hardware remember this.

        Raises:
            ValueError: The layer has other arrays.
        """
        restore(layer.neurons, self.neurons)
        layer.row_factors = self.row_factors
        layer.locations = self.locations
        layer.reads_per_pass = self.reads_per_pass
        layer.wanted = self.wanted
        layer.set_report(self.report)
        layer.readout = self.readout.of(layer.neurons)
        if self.compensation is not None:
            layer.compensate(self.compensation)
        if self.tuning is not None:
            layer.tune(self.tuning)


def save_chip(chip: MappedNetwork, path: str | Path, *, note: str = "") -> None:
    """Write a chip to a safetensors file; `load_chip` reads it, and its reads are the same.

    If no file can hold the network's architecture, it holds the weights alone, and a warning says
    how to load it.

    Args:
        chip: The chip.
        path: The file; an old one is replaced in one step.
        note: Kept in the metadata: how the chip was made.

    Raises:
        ValueError: Naming a part of the hardware or a noise state that has no plain form, or the
            missing folder.
    """
    check_writing(path, note)
    origin = chip.origin
    network = _stored(origin.model, path)
    arrays: dict[str, Any] = {}
    content = {
        "hardware": _encoded(origin.hardware, "hardware", arrays),
        "seed": _encoded(origin.seed, "seed", arrays),
        "reprogrammed_scale": float(origin.reprogrammed_scale),
        "softmax_temperature": chip.softmax_temperature,
        "example": _encoded(origin.example, "example", arrays),
        "outputs": _encoded(reference_outputs(origin.model, origin.example), "outputs", arrays),
        "layers": _encoded([LayerRecord.of(layer) for layer in chip.layers], "layers", arrays),
        "network": network.architecture,
        "network_class": f"{type(origin.model).__module__}.{type(origin.model).__qualname__}",
        "extras": network.extras,
    }
    _check_readable(origin.hardware, content["hardware"], arrays)
    tensors = {name: _as_tensor(value) for name, value in arrays.items()}
    tensors |= {f"{_NETWORK}{name}": value for name, value in network.tensors.items()}
    write_tensors(tensors, path, {"format": FORMAT, "chip": json.dumps(content), "note": note})


def _stored(model: nn.Module, path: str | Path) -> Stored:
    """Return a chip's network; weights alone, with a warning, if a file cannot hold all of it."""
    try:
        return Stored.of(model)
    except CannotStore as problem:
        reason = str(problem).partition(";")[0]
        warn_user(
            f"{path} holds the weights of the network without its architecture ({reason}); load "
            f"it with nsm.load_chip({str(path)!r}, model=network)"
        )
        return Stored.of(model, weights_alone=True)


def load_chip(
    path: str | Path, *, model: nn.Module | None = None, classes: Iterable[Any] = ()
) -> MappedNetwork:
    """Return the chip in a file that `chip.save` wrote; its reads are those of the saved chip.

    Nothing is unpickled, and no class is built but those of torch.nn, of this package, and
    `classes`.

    Args:
        path: The file.
        model: The network, if its classes are not to be imported or the file could not hold its
            architecture; its weights are taken from the file. It must give the outputs that the
            mapped network gave for the mapping's example. None builds the stored one.
        classes: Your classes that the network or the hardware is made of.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is truncated, of another kind or version, or names other classes, or
            the network does not fit it or gives other outputs.
    """
    tensors, metadata = read_tensors(path, (FORMAT,), writer="chip.save")
    content = from_metadata(metadata, "chip", path)
    given = given_classes(classes)
    if model is not None:
        check_model(model)
    catalog = Catalog(given, packages=_PACKAGES)
    own = [content[name] for name in ("hardware", "layers")]
    missing = catalog.missing(own)
    if missing:
        names = ", ".join(name.rpartition(".")[2] for name in missing)
        raise ValueError(
            f"{path} holds hardware of {', '.join(missing)}, and code is imported only from this "
            f"package; import what you trust and call nsm.load_chip({str(path)!r}, "
            f"classes=[{names}])"
        )
    network = _network(content, tensors, model, given, path)
    arrays = {name: value for name, value in tensors.items() if not name.startswith(_NETWORK)}

    def value(name: str) -> Any:
        return decode(content[name], catalog, arrays=arrays, other=_special(arrays))

    if "outputs" in content:  # files of older versions hold none
        check_outputs(network, value("example"), value("outputs"), str(path))
    chip = map_to_crossbar(
        network,
        value("hardware"),
        rng=value("seed"),
        reprogrammed_scale=content["reprogrammed_scale"],
        example=value("example"),
    )
    _put_back(chip, value("layers"), path)
    # Files of older versions hold no temperature of the softmax.
    chip.softmax_temperature = content.get("softmax_temperature", 1.0)
    return chip


def _network(
    content: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    model: nn.Module | None,
    classes: list[Any],
    path: str | Path,
) -> nn.Module:
    """Return the network of a chip's file: the stored one, or a given one with stored weights."""
    state = {k.removeprefix(_NETWORK): v for k, v in tensors.items() if k.startswith(_NETWORK)}
    network = Stored(content["network"], state, content["extras"])
    if model is not None:
        copy = exact_copy(model)
        put_weights(copy, network.state(), str(path))
        return copy
    if network.architecture is None:
        raise ValueError(
            f"{path} holds the weights of a {content['network_class']}, whose architecture no file "
            f"holds; build the network and call nsm.load_chip({str(path)!r}, model=network)"
        )
    call = f"nsm.load_chip({str(path)!r}"
    return network.built(classes, dtype=None, call=call, what=str(path))


def _put_back(chip: MappedNetwork, records: list[LayerRecord], path: str | Path) -> None:
    """Let the layers of a chip remember what a file holds.

    Raises:
        ValueError: The network maps to other layers than it did when the file was written.
    """
    found, wanted = [layer.path for layer in chip.layers], [record.path for record in records]
    if found != wanted:
        raise ValueError(
            f"{path} holds a chip with the layers {', '.join(wanted)} on tiles, and this version "
            f"puts {', '.join(found)} there"
        )
    for layer, record in zip(chip.layers, records, strict=True):
        try:
            record.put_into(layer)
        except ValueError as problem:
            raise ValueError(
                f"{path} does not fit layer {record.path} as this version maps it: {problem}"
            ) from problem


def _encoded(value: Any, where: str, arrays: dict[str, Any]) -> Plain:
    """Return the plain form of a part of a chip, which may hold tensors and seeds."""

    def other(part: Any, name: str) -> Plain:
        if isinstance(part, Tensor):
            arrays[name] = part
            return {"tensor": name}
        if isinstance(part, np.random.SeedSequence):
            entropy: Any = part.entropy
            numbers = [int(e) for e in entropy] if np.ndim(entropy) else int(entropy)
            return {"seed": numbers, "spawn_key": [int(k) for k in part.spawn_key]}
        raise CannotStore(
            f"cannot save {name}: {shortened(part)} has no plain form in a file; make it a frozen "
            "dataclass of numbers, texts, arrays and other dataclasses"
        )

    return encode(value, where, arrays=arrays, other=other)


def _special(arrays: Mapping[str, Tensor]) -> Any:
    """Return the function that decodes tensors and seeds."""

    def other(plain: dict[str, Any], key: str) -> Any:
        if key == "tensor":
            return arrays[plain["tensor"]]
        if key == "seed":
            return np.random.SeedSequence(plain["seed"], spawn_key=tuple(plain["spawn_key"]))
        raise ValueError(f"the file holds a value of the unknown form {key!r}")

    return other


def _check_readable(hardware: Any, plain: Plain, arrays: Mapping[str, Any]) -> None:
    """Raise ValueError if hardware would be another one after loading."""
    own: list[Any] = []
    encode(hardware, "hardware", arrays={}, classes=own, other=lambda part, name: None)
    again = decode(plain, Catalog(own, packages=_PACKAGES), arrays=arrays, other=_special(arrays))
    if not same(hardware, again):
        raise CannotStore(
            f"cannot save hardware = {hardware!r}: built anew from its fields it would be "
            f"{again!r}; a class of yours keeps something that is no field"
        )


def _as_tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    return torch.as_tensor(np.require(value, requirements=("C", "W")))
