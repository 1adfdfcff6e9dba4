"""Limits of threads: overlapping blocks of several threads leave the numbers as they were."""

import threading

import numpy  # noqa: F401 - loads BLAS
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from crossbar.threads import threads, threads_now
from nsm.thread_limits import limited_libraries


def numbers():
    """Return the threads of torch and of each library."""
    return torch.get_num_threads(), sorted((d["filepath"], d["num_threads"]) for d in info())


def info():
    return threadpool_info()


@pytest.fixture
def two():
    """Two threads of every library, also where the tests run on one."""
    before = torch.get_num_threads()
    with threadpool_limits(2), threads(2):
        torch.set_num_threads(2)
        yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("limited", [limited_libraries, threads])
@pytest.mark.parametrize("first", [0, 1])
def test_overlapping_blocks_of_two_threads_leave_the_numbers_as_they_were(limited, first):
    before = numbers(), threads_now()
    inside = [threading.Event() for _ in range(2)]
    leave = [threading.Event() for _ in range(2)]
    seen = []

    def work(i):
        with limited(1):
            inside[i].set()
            leave[i].wait(10)
            seen.append(threads_now() if limited is threads else least())

    workers = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for worker, there in zip(workers, inside, strict=True):
        worker.start()
        assert there.wait(10)
    for i in (first, 1 - first):
        leave[i].set()
        workers[i].join()
    assert seen == [1, 1]
    assert (numbers(), threads_now()) == before


def least():
    return max(d["num_threads"] for d in info() if d["user_api"] == "blas")


@pytest.mark.usefixtures("two")
def test_a_block_within_a_block_has_its_own_number():
    with threads(3):
        with threads(5):
            assert threads_now() == 5
        assert threads_now() == 3
    assert threads_now() == 2


@pytest.mark.usefixtures("two")
def test_an_exception_ends_a_block():
    before = numbers()
    with pytest.raises(ZeroDivisionError), limited_libraries(1):
        _ = 1 / 0
    assert numbers() == before
