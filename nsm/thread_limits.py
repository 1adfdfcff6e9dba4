"""Threads of BLAS and OpenMP: limited for a while, and left as they were before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

from crossbar.threads import Limit


def _set_blas(n: int) -> Callable[[], object]:
    # Selected, because a limiter brings back the numbers of all libraries that it knows.
    libraries = ThreadpoolController().select(user_api="blas")
    with _controlling(libraries):
        limiter = libraries.limit(limits=n)

    def restore() -> None:
        with _controlling(libraries):
            limiter.restore_original_limits()

    return restore


@contextmanager
def _controlling(libraries: ThreadpoolController) -> Iterator[None]:
    """Let this thread set the number of the process, which threadpoolctl grants to one thread only.

    The one that sets a number need not be the one that brings back the number before; without this,
    threadpoolctl leaves out the latter without a word.
    """
    kinds = {type(library) for library in libraries.lib_controllers}
    clear = [k.clear_controlling_thread for k in kinds if hasattr(k, "clear_controlling_thread")]
    for each in clear:
        each(force=True)
    yield
    for each in clear:
        each(force=True)


_blas = Limit(_set_blas)


@contextmanager
def limited_libraries(n: int) -> Iterator[None]:
    """Use `n` threads of BLAS and OpenMP inside a `with` block.

    Blocks of several threads may overlap: the libraries of BLAS have one number for the process,
    see `crossbar.threads.Limit`. OpenMP, which torch uses, has one for each thread that calls it.

    Args:
        n: Number of threads.
    """
    with _blas.held(n), ThreadpoolController().select(user_api="openmp").limit(limits=n):
        yield
