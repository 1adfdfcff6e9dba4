"""The wheel: built, installed into a fresh environment, and used there with the data it ships."""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from devices import GATES, PRESETS

ROOT = Path(__file__).parents[1]
PACKAGES = ("devices", "crossbar", "nsm")
USE = """
import json, devices, crossbar, nsm, nsm.shipped
names = nsm.shipped.shipped()
print(json.dumps({
    "files": {p.__name__: p.__file__ for p in (devices, crossbar, nsm)},
    "presets": sorted(devices.PRESETS), "gates": sorted(devices.GATES),
    "shipped": names, "loaded": [type(nsm.load(n)).__name__ for n in names],
}))
"""


def shipped_data():
    """Return the data files of the packages, which a wheel can silently lose."""
    files = (
        f
        for p in PACKAGES
        for f in (ROOT / p).rglob("*")
        if f.is_file() and "__pycache__" not in f.parts
    )
    data = (".json", ".safetensors", ".typed", ".md")
    return {str(f.relative_to(ROOT)) for f in files if f.suffix in data}


def call(*command, cwd):
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    # Without isolation: building must need no network here.
    call(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder / "dist",
        cwd=source,
    )
    (built,) = (folder / "dist").glob("nsm_crossbar-*.whl")
    return built


def test_the_wheel_holds_the_packages_and_their_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    data = shipped_data()
    assert (
        {"devices/presets.json", "devices/py.typed", "crossbar/py.typed", "nsm/py.typed"}
        <= data
        <= names
    )
    code = {str(f.relative_to(ROOT)) for p in PACKAGES for f in (ROOT / p).rglob("*.py")}
    packaged = {n for n in names if ".dist-info/" not in n}
    assert packaged == code | data  # neither tests nor notebooks nor anything else


def test_an_installed_wheel_works_away_from_the_checkout(wheel, tmp_path):
    home = tmp_path / "fresh"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    call(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        wheel,
        cwd=tmp_path,
    )
    # The libraries come from this environment. Its editable install of this checkout does not come
    # with them: Python does not read the .pth files of a folder that a .pth file names.
    (site,) = home.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    used = json.loads(call(python, "-I", "-c", USE, cwd=tmp_path))
    assert used["files"] == {name: str(site / name / "__init__.py") for name in PACKAGES}
    assert used["presets"] == sorted(PRESETS)
    assert used["gates"] == sorted(GATES)
    assert used["shipped"] == sorted(f.stem for f in (ROOT / "nsm").glob("*.safetensors"))
    assert used["loaded"] == ["Sequential"] * len(used["shipped"])
    assert "HZO FeFET" in call(
        home / "bin" / "nsm", "presets", "export", "fefet_jerry2017", cwd=tmp_path
    )
