"""Fast start: the packages and the command import heavy libraries only where they use them."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("matplotlib", "numba", "pandas", "rich", "scipy", "sklearn", "torch", "typer")
LAZY = ("nsm", "nsm.datasets", "nsm.measurements", "nsm.report", "nsm.sweeps")
#: Runs the command for each of the given arguments, in one interpreter.
RUN = """
import json, sys
sys.path.insert(0, {root!r})
from nsm.cli.main import main
reports = []
for arguments in {lines}:
    sys.argv = ["nsm", *arguments.split()]
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code or 0
    loaded = [name for name in {heavy} if name in sys.modules]
    reports.append((arguments, status, loaded))
print(json.dumps(reports), file=sys.stderr)
"""
WRONG = """\
network = "mnist_mlp"
{}
[hardware]
device = "fefet_jerry2017"
[axes]
gain = [1.0]
"""
LINES = (
    "train --out a.safetensors --network nms",
    "train --out a.safetensors --data minst",
    "train --out a.safetensors --data none.npz",
    "train --out a.safetensors --data-option white=2",
    "train --out a.safetensors --coding medan",
    "train --out a.safetensors --coding thermometer=0",
    "train --out no/a.safetensors",
    "train --out a.safetensors --hidden 30,x",
    "train --out a.safetensors --beta fixed",
    "train --out a.safetensors --lr 0",
    "train --out a.safetensors --lr-schedule halved",
    "train --out a.safetensors --network conv --rule BD --beta native",
    "train --out a.safetensors --network relu --init",
    "train --out a.safetensors --torch-device gpu",
    "fit read-niose traces.csv --out mine.toml",
    "fit read-noise none.csv --out mine.toml",
    "fit read-noise none.csv --out mine.json",
    "fit read-noise none.csv --out mine.toml --levels 2",
    "fit read-noise none.csv --out mine.toml --read-voltage 2W",
    "fit all . --out mine.toml",
    "map no.safetensors",
    "map mnist_mlp --data minst",
    "map mnist_mlp --device fefet_jerry",
    "map mnist_mlp --gate bernoulli",
    "map mnist_mlp --set device.level=3",
    "map mnist_mlp --set device.levels=many",
    "tolerance no.safetensors",
    "tolerance mnist_mlp --data minst",
    "tolerance mnist_mlp --device fefet_jerry",
    "tolerance mnist_mlp --loss 0",
    "tolerance mnist_mlp --baseline relu.safetensors",
    "sweep",
    "sweep none.toml",
    "sweep key.toml",
    "sweep axis.toml",
    "merge none.csv --out a.csv",
    "merge key.toml --out a.csv",
    "plot none.csv --x gain --out a.png",
    "plot key.toml --x gain --out a.png",
    "plot none.csv --x gain --out a.bmp",
    "plot none.csv --x gain --y seconds --group gain --out a.png",
    "report none.csv",
    "report none.csv --out a.pdf",
    "presets show fefet_jery2017",
    "presets show nsm_bernoulli --out no/a.png",
)


def reports_of(lines, heavy, folder):
    """Return for each command line its exit status, and what was imported when it had ended."""
    code = RUN.format(lines=list(lines), heavy=list(heavy), root=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(done.stderr.splitlines()[-1])


def loaded_by(code):
    """Return which of the heavy libraries a fresh interpreter has imported after `code`."""
    report = f"import json, sys; print(json.dumps([n for n in {HEAVY} if n in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("package", LAZY)
def test_every_public_name_resolves(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nonsense'"):
        module.nonsense  # noqa: B018


@pytest.mark.parametrize("package", LAZY)
def test_type_checkers_see_the_names_that_exist_at_run_time(package):
    module = importlib.import_module(package)
    (block,) = (n for n in ast.parse(inspect.getsource(module)).body if isinstance(n, ast.If))
    seen = {}
    for statement in block.body:
        for alias in statement.names:
            is_submodule = statement.module == package
            seen[alias.asname] = f"{package}.{alias.name}" if is_submodule else statement.module
    assert seen == module._EXPORTS


@pytest.mark.parametrize("packages", ["nsm", "nsm.datasets, nsm.sweeps, nsm.shipped, nsm.disk"])
def test_packages_of_nsm_import_no_heavy_library(packages):
    assert loaded_by(f"import {packages}") == []


def test_descriptions_of_hardware_import_no_heavy_library():
    assert loaded_by("import devices, crossbar; devices.preset('fefet_jerry2017')") == []


def test_help_imports_typer_alone(tmp_path):
    commands = (
        "",
        "train",
        "fit",
        "map",
        "tolerance",
        "sweep",
        "merge",
        "plot",
        "report",
        "demo",
        "presets",
    )
    lines = [f"{name} --help" for name in commands]
    for line, status, loaded in reports_of(lines, (*HEAVY, "numpy"), tmp_path):
        assert (line, status, loaded) == (line, 0, ["typer"])


def test_errors_are_found_before_heavy_libraries_are_imported(tmp_path):
    (tmp_path / "key.toml").write_text(WRONG.format("chip = 3"))
    (tmp_path / "axis.toml").write_text(WRONG.format("").replace("gain", "gian"))
    for line, status, loaded in reports_of(LINES, HEAVY, tmp_path):
        assert (line, status) == (line, 2)
        assert set(loaded) <= {"typer", "rich"}, line  # rich prints the error
