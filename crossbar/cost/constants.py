"""The constants of a cost: value, unit, source, and whether the source was read."""

from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from devices.validation import integer, number

#: What is known of a constant: its source was read; it was read in another work that quotes the
#: source; it is assumed, and the source only gives its order of magnitude; or the user chose it.
STATUSES = ("read", "second-hand", "assumed", "yours")


class Constant(NamedTuple):
    """One row of `CostConstants.table`.

    Attributes:
        name: Name of the field.
        value: Its value; None where the field says "as fast as the reads need".
        unit: Its unit; "" for a number without one.
        status: One of `STATUSES`.
        source: Where the default comes from.
    """

    name: str
    value: float | None
    unit: str
    status: str
    source: str


def _constant(default: float | None, unit: str, status: str, source: str) -> Any:
    return field(default=default, metadata={"unit": unit, "status": status, "source": source})


_MURMANN = "Murmann, ADC Performance Survey 1997-2024, github.com/bmurmann/ADC-survey"
_ACCELERGY = "accelergy-adc-plug-in, model.yaml: a fit of Murmann's survey"
_ISAAC = "ISAAC, Shafiee et al. 2016, doi:10.1109/ISCA.2016.12, as hwcomponents-library quotes it"
_TIMELY = "TIMELY, Li et al. 2020, doi:10.1109/ISCA45697.2020.00073, as hwcomponents-library quotes"
_HOROWITZ = "Horowitz 2014, doi:10.1109/ISSCC.2014.6757323 (45 nm, 0.9 V), as others quote it"


@dataclass(frozen=True, kw_only=True)
class CostConstants:
    """What circuits around the cells cost. Every number can be replaced, see `table()`.

    Energies and areas of different sources belong to different technologies (32 to 130 nm); they
    are taken as published and not scaled. `dataclasses.replace` changes single ones.

    Attributes:
        cell_area: Area of one cell [m²].
        line_capacitance: Capacitance of a line at one crossing [F].
        selector_capacitance: Capacitance of a gate that is switched on every read [F].
        driver_area: Area of the driver of one word line [m²].
        dac_energy_per_level: Energy of a conversion of a DAC, divided by its 2^bits levels [J].
        dac_area_per_level: Area of a DAC, divided by its 2^bits levels [m²].
        dac_bits: Resolution that is charged where real inputs come without a `Dac` [bits].
        amplifier_power: Power of the amplifier (clamp) that holds one bit line [W].
        amplifier_area: Its area [m²].
        comparator_energy: Energy of one decision [J].
        comparator_area: Area of a comparator [m²].
        adc_walden: Walden figure of merit of ADCs, P/(2^bits f) [J per conversion step].
        adc_schreier: Schreier figure of merit of ADCs, SNDR + 10 lg(f/2P) [dB].
        adc_corner_rate: Rate above which the Schreier figure falls [1/s].
        adc_bits: Resolution that is charged where outputs come without an `Adc` [bits].
        adc_rate: Conversions of one ADC per second [1/s]; None: as many as the reads need.
        outputs_per_adc: Outputs that share one ADC, which converts them in turn.
        technology: Technology of the ADCs [m], for their area.
        add_energy_per_bit: Energy of an addition, divided by its width [J/bit].
        multiply_energy_per_bit2: Energy of a multiplication, divided by its width squared [J/bit²].

    Raises:
        ValueError: A number is negative, a rate or resolution is not above 0, or `outputs_per_adc`
            is not a whole number of at least 1.
    """

    cell_area: float = _constant(
        5.1e-14, "m²", "assumed", "12 F² at F = 65 nm, a cell with an access transistor"
    )
    line_capacitance: float = _constant(
        1e-16, "F", "assumed", "0.2 fF/µm over the 0.23 µm of a cell, and as much for its junction"
    )
    selector_capacitance: float = _constant(
        1e-16, "F", "assumed", "as large as that of a line at one crossing"
    )
    driver_area: float = _constant(1.66e-13, "m²", "second-hand", f"{_ISAAC}: 1-bit DAC")
    dac_energy_per_level: float = _constant(
        1.2e-15,
        "J",
        "assumed",
        "1.2 fJ per step is quoted for a relaxation DAC in 40 nm; a buffer is left out",
    )
    dac_area_per_level: float = _constant(
        9.4e-13, "m²", "second-hand", f"{_TIMELY}: 240 µm² for 8 bits, 65 nm"
    )
    dac_bits: float = _constant(8, "bit", "assumed", "the resolution that Dac has by default")
    amplifier_power: float = _constant(
        1e-6,
        "W",
        "assumed",
        "1 pJ in a read of 1 µs; NeuRRAM's sampling integrator takes 1.45 pJ in 130 nm (Wan et al. "
        "2022, doi:10.1038/s41586-022-04992-8, as hwcomponents-library quotes it)",
    )
    amplifier_area: float = _constant(
        3.5e-10, "m²", "second-hand", "NeuRRAM's integrator in 130 nm, as for amplifier_power"
    )
    comparator_energy: float = _constant(
        67e-15, "J", "second-hand", "65 nm, worst case, doi:10.1007/s00034-023-02375-6"
    )
    comparator_area: float = _constant(
        4e-11, "m²", "second-hand", f"{_TIMELY}: charging comparator, 65 nm"
    )
    adc_walden: float = _constant(
        8.8e-15,
        "J/step",
        "second-hand",
        f"{_MURMANN}: 10th percentile of SAR ADCs since 2010 with 7 to 8 effective bits, 1.6 pJ; "
        "their median is 6.3 pJ, 35 fJ per step, and ISAAC's ADC takes 1.56 pJ at 8 bits",
    )
    adc_schreier: float = _constant(180.1, "dB", "read", f"{_ACCELERGY}, 'max value' of FOMS_hf")
    adc_corner_rate: float = _constant(
        1.7e8,
        "1/s",
        "read",
        f"{_ACCELERGY}: where its FOMS_hf leaves the maximum; the form of the roll-off is that of "
        "the survey's own FOMS plot",
    )
    adc_bits: float = _constant(8, "bit", "assumed", "the resolution that Adc has by default")
    adc_rate: float | None = _constant(None, "1/s", "assumed", "outputs_per_adc per read period")
    outputs_per_adc: int = _constant(1, "", "assumed", "an ADC for every output")
    technology: float = _constant(65e-9, "m", "assumed", "that of most constants here")
    add_energy_per_bit: float = _constant(
        3.75e-15, "J/bit", "second-hand", f"{_HOROWITZ}: 0.03 pJ for 8 bits"
    )
    multiply_energy_per_bit2: float = _constant(
        3.1e-15, "J/bit²", "second-hand", f"{_HOROWITZ}: 0.2 pJ for 8 bits"
    )

    def __post_init__(self) -> None:
        positive = ("adc_schreier", "adc_corner_rate", "adc_bits", "dac_bits", "technology")
        for each in fields(self):
            name = f"CostConstants.{each.name}"
            value = getattr(self, each.name)
            if each.name == "outputs_per_adc":
                integer(name, value, at_least=1)
            elif each.name == "adc_rate":
                if value is not None:
                    number(name, value, above=0, unit=each.metadata["unit"])
            elif each.name in positive:
                number(name, value, above=0, unit=each.metadata["unit"])
            else:
                number(name, value, at_least=0, unit=each.metadata["unit"])

    def table(self) -> list[Constant]:
        """Return all constants with unit, status and source.

        `pandas.DataFrame(constants.table())` shows them. A number that differs from the default has
        the status "yours".
        """
        rows = []
        for each in fields(self):
            value = getattr(self, each.name)
            status, source = each.metadata["status"], each.metadata["source"]
            if value != each.default:
                status, source = "yours", f"given; the default is {each.default}"
            rows.append(Constant(each.name, value, each.metadata["unit"], status, source))
        return rows
