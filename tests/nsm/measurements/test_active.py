"""The active part of a trace: its fit alone, where the others are, and options that exclude."""

import numpy as np
import pytest

from devices import TelegraphNoise, active_segments
from nsm.measurements import Measurement, fit_measurement
from nsm.measurements.active import fit_trace
from tests.helpers.hidden_chain import trace

PERIOD = 1 / 400
TRAP = TelegraphNoise(0.01, 0.1, 0.15)


@pytest.fixture(scope="module")
def burst():
    """A trace of 20,000 reads whose trap is active in two parts, of 3,000 and 1,600 reads."""
    g = np.full(20_000, 5e-5) + np.random.default_rng(0).normal(0, 1e-7, 20_000)
    for start, stop in ((4000, 7000), (12_000, 13_600)):
        g[start:stop] *= trace(TRAP, stop - start, period=PERIOD, sigma=0.0, g=1.0, rng=start)
    return g


def test_the_longest_segment_is_fitted_and_the_others_are_named(burst):
    fit = fit_trace(burst, PERIOD, active=True, window=2.0)
    found = active_segments(burst, PERIOD, window=2.0)
    best = max(found.segments, key=lambda one: one.stop - one.start)
    assert abs(best.start - 4000) <= 800
    assert fit.model == best.fit.model
    for name, truth in (("amplitude", 0.01), ("tau_capture", 0.1), ("tau_emission", 0.15)):
        estimate = fit.estimates[name]
        assert abs(estimate.value - truth) < 4 * estimate.error
    assert fit.notes[0].startswith(
        f"The trap is active for {100 * found.share:.3g} % of the trace, in 2 segments: reads "
        + ", ".join(f"{one.start}:{one.stop}" for one in found.segments)
    )
    assert fit.notes[1].startswith(f"Fitted were reads {best.start}:{best.stop} alone; another")
    assert fit.counts["values"] == 20_000
    assert fit.counts["active segments"] == 2
    assert fit.counts["fitted reads"] == best.stop - best.start == len(fit.states)


def test_a_whole_trace_is_fitted_as_ever(burst):
    part = burst[4000:7000]
    assert fit_trace(part, PERIOD, levels=2).estimates == fit_trace(part, PERIOD).estimates


def test_without_an_active_part_the_message_says_what_to_do(burst):
    quiet = Measurement(
        kind="telegraph", path="a.csv", arrays={"trace": burst[:4000], "period": PERIOD},
        cells=("1",), counts={}, notes=(), used=frozenset(),
    )  # fmt: skip
    message = r"a.csv, fitted as telegraph: No window of 1 s shows telegraph.*Leave out --active"
    with pytest.raises(ValueError, match=message):
        fit_measurement(quiet, active=True, window="1 s")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": "2 s"}, "--window has no effect without --active"),
        ({"active": True, "levels": 2}, "--levels has no effect with --active"),
        ({"active": True, "window": "2 V"}, "window = '2 V' is a voltage, not a time"),
    ],
)
def test_options_that_exclude_one_another_are_refused(burst, options, message):
    whole = Measurement(
        kind="telegraph", path="a.csv", arrays={"trace": burst, "period": PERIOD},
        cells=("1",), counts={}, notes=(), used=frozenset(),
    )  # fmt: skip
    with pytest.raises(ValueError, match=message):
        fit_measurement(whole, **options)
