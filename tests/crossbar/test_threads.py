"""The pool of compiled loops."""

import multiprocessing
import sys

import pytest

from crossbar.threads import run_each, threads


def squares():
    found = [0] * 8
    with threads(2):
        run_each(lambda i: found.__setitem__(i, i * i), len(found))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="other systems start processes anew")
def test_a_forked_process_has_a_pool_of_its_own():
    expected = squares()  # the pool of the parent has its thread now
    with multiprocessing.get_context("fork").Pool(1) as forked:
        assert forked.apply_async(squares).get(timeout=20) == expected == [i * i for i in range(8)]
