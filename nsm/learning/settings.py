"""How a chip learns: the settings of `nsm.learn`, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from crossbar.reads.sampling import check_sampling
from devices.validation import LARGEST_SINGLE, choice, integer, number
from nsm.learning.gradient import Gradient
from nsm.learning.network import PATHS
from nsm.learning.rules import LearningRule, MixedPrecision

PERIPHERIES = ("learned", "frozen")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a chip learns.

    Attributes:
        epochs: Passes over the images; need not be whole.
        rule: `MixedPrecision` (default), `Coincidences`, `TikiTaka` or `Rounding`.
        batch: Samples whose gradient is averaged for one change of the weights; default 1.
        gradient: Which gradient is computed; None for `Gradient()`.
        pair: "both" (default) or "up", see `crossbar.arrays.pulsed.PulsedArray`.
        periphery: Whether β_i (that is, a_i) and reference currents of biases are "learned"
            (default) digitally, or stay "frozen". Bias word lines are cells and learn as weights.
        periphery_lr: Learning rate of the periphery, default 0.01; it falls as that of the rule.
        path: The deterministic path is "pulsed" (default) with the main array, or "rewritten"
            from it, by programming, every `rewrite_every` samples. An ideal path takes the weights
            of the main array when learning starts, and follows them exactly.
        rewrite_every: Samples between two rewritings; default 1000.
        leave_out: Input lines that differ from their most frequent value in at most this share of
            the images are read, but get no pulses; None (default) leaves out none.
        refresh_every: Samples between two refreshes of full pairs; 0 (default) for none.
        refresh_above: A pair is full where both cells are above this fraction of their range.
        validation_samples: Noisy passes for the error on validation images; default 10.
        sampling: How these passes are drawn: "moments" (default, as the reads of learning) or
            "exact".
        measure_every: Samples between two measurements and checkpoints; None for every epoch.

    Raises:
        ValueError: A value is not allowed, or has no effect with the rule.
    """

    epochs: float
    rule: LearningRule = field(default_factory=MixedPrecision)
    batch: int = 1
    gradient: Gradient = field(default_factory=Gradient)
    pair: str = "both"
    periphery: str = "learned"
    periphery_lr: float = 0.01
    path: str = "pulsed"
    rewrite_every: int = 1000
    leave_out: float | None = None
    refresh_every: int = 0
    refresh_above: float = 0.8
    measure_every: int | None = None
    validation_samples: int = 10
    sampling: str = "moments"

    def __post_init__(self) -> None:
        number("epochs", self.epochs, above=0)
        for name in ("batch", "rewrite_every", "validation_samples"):
            integer(name, getattr(self, name), at_least=1)
        integer("refresh_every", self.refresh_every, at_least=0)
        number("refresh_above", self.refresh_above, above=0, below=1)
        number("periphery_lr", self.periphery_lr, at_least=0, at_most=LARGEST_SINGLE)
        choice("periphery", self.periphery, PERIPHERIES)
        choice("path", self.path, PATHS)
        check_sampling(self.sampling)
        if self.leave_out is not None:
            number("leave_out", self.leave_out, at_least=0, below=1)
        if self.measure_every is not None:
            integer("measure_every", self.measure_every, at_least=1)
        if not isinstance(self.rule, LearningRule):
            raise ValueError(
                f"rule = {self.rule!r} is no learning rule; give MixedPrecision(), Coincidences(), "
                "TikiTaka() or Rounding() of nsm.learning"
            )
        if not isinstance(self.gradient, Gradient):
            raise ValueError(
                f"gradient = {self.gradient!r} is no gradient; give nsm.learning.Gradient(...)"
            )
        if self.gradient.radial and not isinstance(self.rule, MixedPrecision):
            raise ValueError(
                f"Gradient.radial = True has no effect with {self.rule!r}, which never adds up "
                "gradients digitally; choose MixedPrecision, or radial = False"
            )

        self._check_effects()

    def _check_effects(self) -> None:
        """Raise ValueError if a setting that is not its default has no effect with the others."""
        digital = isinstance(self.rule, MixedPrecision)
        for name, has_effect, why in (
            ("batch", digital, f"{self.rule!r} pulses after every sample; choose MixedPrecision"),
            ("rewrite_every", self.path == "rewritten", 'the path is not "rewritten"'),
            ("refresh_above", self.refresh_every > 0, "refresh_every is 0"),
            ("periphery_lr", self.periphery == "learned", 'the periphery is "frozen"'),
        ):
            self._refuse(name, has_effect, why)

    def _refuse(self, name: str, has_effect: bool, why: str) -> None:
        default = next(one.default for one in fields(self) if one.name == name)
        if not has_effect and getattr(self, name) != default:
            raise ValueError(f"{name} = {getattr(self, name)!r} has no effect: {why}; leave it out")

    @classmethod
    def of(
        cls, epochs: float, given: Mapping[str, Any], *, has_validation: bool = True
    ) -> "Settings":
        """Return the settings with the given fields; a rule or gradient of None is the default.

        Args:
            epochs: Passes over the images.
            given: Other fields, by name.
            has_validation: Whether there are validation images; default True.

        Raises:
            ValueError: A name is no setting, or a value is not allowed or has no effect.
        """
        names = [one.name for one in fields(cls) if one.name != "epochs"]
        for name in given:
            choice("setting of learn", name, names)
        optional = ("rule", "gradient")
        found = cls(
            epochs=epochs,
            **{k: v for k, v in given.items() if not (k in optional and v is None)},
        )
        for name in ("validation_samples", "sampling"):
            found._refuse(name, has_validation, "there are no validation images")
        return found
