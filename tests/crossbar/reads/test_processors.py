"""Compiled reads for processors without AVX2: the same numbers, and no abort of the compiler."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossbar.reads.processor import FORM, compiles_avx2
from tests.helpers.packed_reads import numbers_of_vectors

ROOT = Path(__file__).parents[3]
RUN = "import json; from tests.helpers.packed_reads import numbers_of_vectors as numbers; "


@pytest.mark.parametrize(
    "traps", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["others", "traps"]
)
def test_reads_without_avx2_are_the_same_bit_for_bit_and_reports_name_their_form(traps):
    done = subprocess.run(
        [sys.executable, "-c", f"{RUN}print(json.dumps(numbers({traps})))"],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CPU_NAME": "generic"},
        capture_output=True,
        text=True,
        check=True,
    )
    path, numbers = json.loads(done.stdout)
    here, expected = numbers_of_vectors(traps)
    assert path == "packed bits (plain loops), 3 digits, off grid"
    assert here == f"packed bits ({FORM}), 3 digits, off grid"
    assert numbers == expected


@pytest.mark.parametrize(
    ("features", "avx2"),
    [
        ("", False),
        ("+avx,+avx512f", False),
        ("+sse2,+avx2,+fma", True),
        ("+avx2,-avx2", False),
        ("-avx2, +AVX2", True),
        ("+neon", False),
    ],
)
def test_avx2_is_used_only_where_the_compiled_code_may_use_it(features, avx2):
    assert compiles_avx2(features) == avx2
