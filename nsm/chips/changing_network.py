"""What happens to the cells of a chip: age, a common-mode gain, failures."""

from devices.faults.base import Faults
from devices.seeding import RNG, child, seed_sequence
from devices.validation import instance, number
from nsm.chips.corrected_network import CorrectedNetwork
from nsm.chips.streams import Stream


class ChangingNetwork(CorrectedNetwork):
    """A network on tiles whose conductances can change."""

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads are correlated, which `sampling="moments"` leaves out."""
        return any(layer.neurons.main.has_memory for layer in self.layers)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass: cells drift, and states of noises advance. Ages add up.

        Deterministic paths that are "ideal" do not drift.
        """
        if number("seconds", seconds, at_least=0, unit="s") == 0:
            return  # the report, and the wires, need not be worked out for a change that is none
        for layer in self.layers:
            _ = layer.report  # it tells of the cells as they were mapped
            layer.neurons.age(seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance by one factor: a common-mode gain.

        Pedestals, deterministic paths and bias word lines are included.
        """
        if number("factor", factor, above=0) == 1:
            return
        for layer in self.layers:
            _ = layer.report  # it tells of the cells as they were mapped
            layer.neurons.scale_conductances(factor)

    def fail(self, faults: Faults, *, rng: RNG) -> None:
        """Let cells fail: they are stuck from now on, and pulses do not move them.

        What is stuck already stays where it is. Bias word lines are included, and deterministic
        paths unless they are "ideal", which have no faults.

        Args:
            faults: Which cells fail, such as `devices.StuckCells(p_stuck_hrs=0.02)`.
            rng: Seed, Generator or None: which cells, once.

        Raises:
            ValueError: faults is no model of faults.
        """
        instance("faults", faults, Faults)
        seed = child(seed_sequence(rng), Stream.FAILURES)
        for place, layer in enumerate(self.layers):
            _ = layer.report  # it tells of the cells as they were mapped
            layer.neurons.fail(faults, rng=child(seed, place))
            layer.forget_sums()
