"""A network as a file holds it: blueprint, tensors, and facts about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nsm.nn.files.blueprint import describe
from nsm.nn.files.build import Blueprint, build, catalog
from nsm.nn.files.tensor_file import check_values, rounded, state_of
from nsm.nn.inference import check_holds_weights
from nsm.plain_data import given_classes


@dataclass(frozen=True, eq=False)
class Stored:
    """A network as a file holds it.

    Attributes:
        architecture: The blueprint; None for weights alone.
        tensors: Parameters and buffers by name, each shared tensor once.
        extras: Facts about them, where there are any. "tied": names of tensors that are
            others under a second name, {name: name of the other}. "frozen": parameters that are not
            trained. "in_training": layers that stay in train() while the network is in eval(), as
            those of Monte-Carlo dropout do. "outside_state": names of tensors that are buffers with
            persistent=False, whose values a constructor computes.
    """

    architecture: Blueprint | None
    tensors: Mapping[str, Tensor]
    extras: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, model: nn.Module, dtype: torch.dtype | None = None, *, weights_alone: bool = False
    ) -> "Stored":
        """Return a network as a file holds it.

        Args:
            model: The network.
            dtype: Precision of the tensors; None (the default) keeps theirs.
            weights_alone: Whether the architecture is left out; default False.

        Raises:
            ValueError: Naming a layer or a tensor that a file cannot hold.
        """
        if isinstance(model, nn.Module):  # `describe` names what is no network
            check_holds_weights(model)
        architecture = None if weights_alone else describe(model)
        tensors, tied = state_of(model, dtype)
        frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
        stay = [] if model.training else [name for name, m in model.named_modules() if m.training]
        outside = {} if weights_alone else _buffers_outside_state(model, dtype)
        extras = {
            "tied": tied,
            "frozen": frozen,
            "in_training": stay,
            "outside_state": sorted(outside),
        }
        given = {key: value for key, value in extras.items() if value}
        return cls(architecture, {**tensors, **outside}, given)

    def state(self) -> dict[str, Tensor]:
        """Return the state of the network: its tensors under all their names."""
        outside = self.extras.get("outside_state", ())
        stored = {name: value for name, value in self.tensors.items() if name not in outside}
        tied = self.extras.get("tied", {})
        return stored | {name: stored[first] for name, first in tied.items()}

    def built(
        self, classes: Iterable[Any], *, dtype: torch.dtype | None, call: str, what: str
    ) -> nn.Module:
        """Return the network, in `eval()`.

        Args:
            classes: Classes of the user in the blueprint.
            dtype: Precision of floating-point numbers; None keeps that of the tensors.
            call: Beginning of the call that messages complete, such as "nsm.load('net'".
            what: What messages call the source.

        Raises:
            ValueError: If a class is missing, or the tensors are not those that the architecture
                needs, or hold NaN, or numbers beyond the precision.
        """
        assert self.architecture is not None
        given = given_classes(classes)
        state = self.state()
        try:
            _check_classes(self.architecture, given, call, what)
            _check_size(self.architecture, given, state, what)
            model = build(self.architecture, given)
        except (KeyError, TypeError, AttributeError, IndexError) as problem:
            raise ValueError(
                f"{what} holds an architecture that cannot be built "
                f"({type(problem).__name__}: {problem}); take another copy of it, or make it again"
            ) from problem
        _check_names(model, state, what)
        check_values(state, what)
        for name, first in self.extras.get("tied", {}).items():
            _tie(model, name, first)
        keep = f"keep its precision with {call}, dtype=None)"
        everything = {
            name: rounded(f"{name} of {what}", value, dtype, keep)
            for name, value in {**self.tensors, **state}.items()
        }
        _set_precision(model, {k: dtype or v.dtype for k, v in everything.items()})
        model.load_state_dict({name: everything[name] for name in state})
        for name in self.extras.get("outside_state", ()):
            model.get_buffer(name).copy_(everything[name])
        compute_weights(model)
        model.eval()
        for name in self.extras.get("frozen", ()):
            model.get_parameter(name).requires_grad_(False)
        for name in self.extras.get("in_training", ()):
            model.get_submodule(name).training = True
        return model


def _buffers_outside_state(model: nn.Module, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Return the buffers that a network's state does not hold, by name, in a precision."""
    return {
        name: rounded(name, buffer.detach(), dtype)
        for prefix, module in model.named_modules()
        for own, buffer in module._buffers.items()
        if own in module._non_persistent_buffers_set and buffer is not None
        for name in [f"{prefix}.{own}" if prefix else own]
    }


def _check_classes(plain: Blueprint, classes: list[Any], call: str, what: str) -> None:
    """Raise ValueError if a blueprint names classes that are neither known nor given."""
    missing = catalog(classes).missing(plain)
    if missing:
        names = ", ".join(path.rpartition(".")[2] for path in missing)
        raise ValueError(
            f"{what} holds a network of {', '.join(missing)}, and code is imported only from "
            f"torch.nn and this package; import what you trust and call {call}, classes=[{names}])"
        )


def _check_size(
    plain: Blueprint, classes: list[Any], state: Mapping[str, Tensor], what: str
) -> None:
    """Raise ValueError if an architecture needs other tensors, before it takes memory for them.

    A constructor that needs real tensors is left to `_check_names`.
    """
    try:
        with torch.device("meta"):
            model = build(plain, classes)
    except Exception:
        return
    _check_names(model, state, what)


def _check_names(model: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Raise ValueError if a state has other names or shapes than a network's."""
    wanted = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    got = {k: tuple(v.shape) for k, v in state.items()}
    if wanted != got:
        wrong = sorted(k for k in wanted.keys() | got.keys() if wanted.get(k) != got.get(k))
        raise ValueError(
            f"{what} does not hold the tensors its architecture needs: see {', '.join(wrong)}"
        )


def _tie(model: nn.Module, name: str, first: str) -> None:
    """Make the parameter or buffer `name` the same tensor as `first`."""
    target, _, own = name.rpartition(".")
    source, _, others = first.rpartition(".")
    setattr(model.get_submodule(target), own, getattr(model.get_submodule(source), others))


def _set_precision(model: nn.Module, dtypes: Mapping[str, torch.dtype]) -> None:
    """Give floating-point parameters and buffers a precision, by their names."""
    for prefix, module in model.named_modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                dtype = dtypes.get(f"{prefix}.{name}" if prefix else name)
                if tensor is not None and tensor.is_floating_point() and dtype is not None:
                    tensor.data = tensor.data.to(dtype)


def compute_weights(model: nn.Module) -> None:
    """Let hooks that make weights of others (`weight_norm`) do so, as before a first pass."""
    for module in model.modules():
        for hook in module._forward_pre_hooks.values():
            if hasattr(hook, "compute_weight"):
                hook(module, ())
