"""The processor that compiled loops are made for: whether they may use AVX2."""

from numba.core import config
from numba.core.codegen import get_host_cpu_features


def compiles_avx2(features: str) -> bool:
    """Return whether code for a processor may use AVX2; a later feature overrules an earlier one.

    Args:
        features: Features of the processor as LLVM writes them, such as "+sse4.1,-avx2".
    """
    said = [f.strip() for f in features.lower().split(",") if f.strip()[1:] == "avx2"]
    return said[-1:] == ["+avx2"]


# LLVM aborts the process at an instruction that its target lacks, and the target need not be this
# processor: numba compiles for the one of NUMBA_CPU_NAME and NUMBA_CPU_FEATURES.
_given = getattr(config, "CPU_FEATURES")  # noqa: B009 - numba makes it when it is imported
HAS_AVX2 = compiles_avx2(get_host_cpu_features() if _given is None else _given)
#: How look-ups and sums of packed reads are compiled, as reports tell it.
FORM = "AVX2" if HAS_AVX2 else "plain loops"
