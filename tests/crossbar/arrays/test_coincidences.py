"""The list of coincidences against a loop over all weights and slots."""

import numpy as np
import pytest

from crossbar.arrays import pulse_lists

SLOTS = 31


@pytest.mark.parametrize("inputs", [1, 63, 64, 65, 300])
@pytest.mark.parametrize("density", [0.02, 0.5, 1.0])
def test_every_coincidence_is_listed_once_in_the_order_of_the_weights(inputs, density):
    random = np.random.default_rng(inputs)
    outputs = 20
    of_outputs, of_inputs = (random.random((n, SLOTS)) < density for n in (outputs, inputs))
    of_outputs[3] = False
    e, x = random.normal(size=outputs).astype(np.float32), random.normal(size=inputs)
    x = x.astype(np.float32)

    def words(bits):
        return (bits.astype(np.uint64) << np.arange(SLOTS, dtype=np.uint64)).sum(
            axis=1, dtype=np.uint64
        )

    columns = np.empty((64, inputs), np.int32)
    ends = np.empty(64, np.int64)
    pulse_lists.list_slots(words(of_inputs), columns, ends)
    number = np.zeros(inputs, np.int32)
    touched = np.zeros(-(-inputs // 64), np.uint64)
    where, counts = np.empty(outputs * inputs, np.int64), np.empty(outputs * inputs, np.int32)
    for _ in range(2):  # the room that the kernel uses is clean again afterwards
        m = pulse_lists.count_coincidences(
            words(of_outputs), columns, ends, e, x, number, touched, where, counts
        )
        common = of_outputs.astype(int) @ of_inputs.T.astype(int)
        expected = np.where(np.outer(e, x) > 0, -common, common).ravel()
        np.testing.assert_array_equal(where[:m], np.flatnonzero(common))
        np.testing.assert_array_equal(counts[:m], expected[where[:m]])
        assert not number.any()
        assert not touched.any()
