"""What comparators do is decided by leading digits exactly as by all digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.reads.digits import SUMMED_DIGITS, digit_tables
from crossbar.reads.gated_sums import gate_bits
from crossbar.reads.layer_pass.layer_pass import Gates, LayerPass, Noise
from crossbar.reads.layer_pass.sign_tables import Bounds, conducting_tables, sign_tables
from crossbar.reads.packed import Packed
from crossbar.reads.span import Span
from tests.helpers.packed_reads import SEED, largest


def weights(rng, inputs, columns):
    """Return weights of which a few are much larger than the others."""
    return rng.normal(size=(inputs, columns)) * np.exp(rng.normal(0, 1.5, (inputs, 1)))


def tables_of(w, digits):
    return sign_tables(digit_tables([w], 0.0, digits)[0])


def in_weight_units(entries, tables, first=0):
    """Return entries, (columns, octets, 2, 16), of the digits from `first` on, added up."""
    steps = tables.steps if len(tables.steps) else tables.factors[None]
    values = (tables.unit * steps)[:, first:, None, None, None]
    return (entries[:, first:] * values).sum(axis=1)


@pytest.mark.parametrize("digits", [3, 4, 8])
def test_later_digits_change_a_sum_by_their_bound_at_most(digits, rng):
    tables = tables_of(weights(rng, 90, 5), digits)
    assert tables.later == tables.entries.shape[1] - 2
    every = in_weight_units(tables.entries, tables)
    later = every - in_weight_units(tables.entries, tables, tables.later)
    worst = np.abs(later).max(axis=-1).sum(axis=(1, 2))
    bounds = Bounds.of(tables)
    assert (worst <= bounds.left_out * (1 + 1e-9)).all()
    # Bounds of several digits are added up, though one four of weights seldom reaches them all.
    np.testing.assert_allclose(worst, bounds.left_out, rtol=0.01 if digits == 3 else 0.5)
    np.testing.assert_array_less(np.abs(every).max(axis=-1).sum(axis=(1, 2)), bounds.largest * 1.01)
    # Two digits, to the base 127 or 63, are 1/16,000 or 1/4,000 of the range of each four weights.
    assert (worst < 0.005 * bounds.largest).all()


@pytest.mark.parametrize(("digits", "steps"), [(2, True), (3, True), (4, True), (8, False)])
def test_entries_are_half_the_signed_sums_whatever_their_digits(digits, steps, rng):
    top = largest(digits)
    w = rng.integers(-top, top + 1, (12, 3)).astype(float)
    w[0, 0] = top
    tables = sign_tables(digit_tables([w], 1.0 if digits < 5 else 0.0, digits)[0])
    assert bool(len(tables.steps)) == steps
    entries = in_weight_units(tables.entries, tables)
    four = np.zeros((tables.entries.shape[2] * 8, 3))
    four[:12] = w
    bits = (np.arange(16)[:, None] >> np.arange(4) & 1) * 2 - 1
    signed = np.einsum("ts,oshc->coht", bits, four.reshape(-1, 2, 4, 3).swapaxes(1, 2)) / 2
    tolerance = 1.0 if digits < 5 else 4 * 63**7 * 2  # π of each four, or of each of their digits
    off = entries - signed
    assert (np.abs(off) <= tolerance).all()
    # What π adds is the same for all sixteen entries of four weights.
    np.testing.assert_allclose(np.ptp(off, axis=-1), 0, atol=1e-9 * top)


@pytest.mark.parametrize("step", [2, 4])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_sums_halfway_between_two_digits_fit_into_bytes(step, sign):
    # Both fours of the first octet add up to 63.5 of the lower digit, which two bytes of 64 exceed.
    w = np.zeros((24, 1))
    w[[0, 4]], w[16], w[20] = 127 * step, 2 * step * 8064, 1
    tables = sign_tables(digit_tables([w], 1.0, 3)[0])
    assert tables.steps[0].tolist() == [1, step, 127 * step]
    x = np.full((1, 24), sign)
    u = LayerPass(tables, tables).sums(Packed.of(x)[0], Span(0, 1), SEED)
    np.testing.assert_array_equal(u, x @ w)


@pytest.mark.parametrize("low", [-2.0, -5000.3])
def test_bounds_of_negative_units_and_pedestals_are_sizes(low):
    w = np.full((24, 1), low)
    w[0] += 3000 if low < -3 else 0
    bounds = Bounds.of(sign_tables(digit_tables([w], 1.0, 3)[0]))
    assert (2 * bounds.largest >= np.abs(w).sum(axis=0)).all()


@settings(max_examples=60, deadline=None)
@given(
    inputs=st.sampled_from([3, 8, 60, 300]),
    rows=st.sampled_from([1, 3, 40]),
    gated=st.booleans(),
    cells=st.booleans(),
    path=st.sampled_from(["none", "same", "own"]),
    noisy=st.booleans(),
    states=st.booleans(),
    draw=st.integers(0, 2**32 - 1),
)
def test_comparators_fire_as_sums_of_all_digits_tell(
    inputs, rows, gated, cells, path, noisy, states, draw
):
    rng = np.random.default_rng(draw)
    w, columns = weights(rng, inputs, 9), 9
    main = tables_of(w, int(rng.integers(1, 5)))
    variances = conducting_tables(digit_tables([0.01 * w**2], 0.0, 3)[0]) if cells else None
    own = tables_of(w * rng.uniform(0.9, 1.1, w.shape), SUMMED_DIGITS) if path == "own" else main
    layer = LayerPass(
        main,
        own,
        gates=Gates(gate_bits(0.5), (1,), variances) if gated else None,
        noise=Noise(np.full(columns, 0.1, np.float32), (2,)) if noisy and not gated else None,
        a=None if path == "none" else rng.normal(size=columns),
        path_noise=Noise(np.full(columns, 0.1, np.float32), (3,)) if noisy else None,
        bias=rng.normal(size=columns),
        bias_noise=Noise(np.full(columns, 0.1, np.float32), (4,)) if noisy else None,
        threshold=rng.normal(size=columns) * 10.0 ** int(rng.integers(-3, 4)),
    )
    x = Packed.of(rng.choice([-1.0, 1.0], (rows, inputs)))[0]
    span = Span(0, 80 * rows if rows < 40 else rows, 80 if rows < 40 else 1)
    u = layer.sums(x, span, SEED)
    amperes = 1e-7
    # The offset of each comparator is nearly what balances one of its reads.
    read = rng.integers(0, len(u), columns)
    offsets = -u[read, np.arange(columns)] * amperes * (1 + rng.choice([0, 1e-15, 1e-6], columns))
    fires = u * amperes + offsets >= 0
    if states:
        fired = layer.states(x, span, SEED, amperes, offsets)[:, :, 0]
        np.testing.assert_array_equal(fired, fires)
    else:
        np.testing.assert_array_equal(
            layer.fired(x, span, SEED, amperes, offsets).positive(), fires
        )


def test_huge_numbers_beside_a_sum_are_decided_by_all_digits(rng):
    # The bias and the threshold cancel, but sums beside them are rounded to multiples of 16.
    main = tables_of(rng.normal(size=(60, 9)), 3)
    x = Packed.of(np.ones((1, 60)))[0]
    bias, threshold = np.full((2, 9), 1e17)
    layer = LayerPass(main, main, Gates(gate_bits(0.5), (1,)), bias=bias, threshold=-threshold)
    span = Span(0, 64000, 64000)
    offsets = np.full(9, 8.0)  # no current is close to 0
    fires = layer.sums(x, span, SEED) + offsets >= 0
    assert 0 < fires.mean() < 1
    fired = layer.fired(x, span, SEED, 1.0, offsets)
    np.testing.assert_array_equal(fired.positive(), fires)


@pytest.mark.parametrize("huge", [1e308, 1.7e308, np.inf])
def test_margins_beyond_floating_point_leave_all_digits_to_decide(huge, rng):
    main = tables_of(rng.normal(size=(60, 9)), 3)
    x = Packed.of(np.ones((1, 60)))[0]
    ends = np.resize([huge, -huge], 9)
    layer = LayerPass(main, main, a=ends, bias=ends, threshold=-ends)
    span = Span(0, 1)
    with np.errstate(all="ignore"):
        fires = layer.sums(x, span, SEED) >= 0
    fired = layer.fired(x, span, SEED, 1.0, np.zeros(9))
    np.testing.assert_array_equal(fired.positive(), fires)
