"""The rules of the house: what is private, how long code may be, what every folder has."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("devices", "crossbar", "nsm")
OUTSIDE = ("tests", "benchmarks", "examples")
LONGEST = {"file": 400, "function": 60, "class": 150}

#: Files that import a private module on purpose: tests that compare kernels with their slow twins.
MAY_IMPORT_PRIVATE = {
    "tests/crossbar/reads/test_vectors.py": {"crossbar.reads._kernels", "crossbar.reads._vectors"},
    "tests/devices/read_noise/test_telegraph.py": {"devices.read_noise._trap_kernels"},
    "tests/devices/fitting/test_set_reset.py": {"devices.fitting._memory_kernels"},
    "benchmarks/devices.py": {"devices.read_noise._trap_kernels"},
}


def sources(*folders):
    """Return the Python files below folders of the repository, as paths relative to it."""
    files = (f for folder in folders for f in (ROOT / folder).rglob("*.py"))
    return sorted(str(f.relative_to(ROOT)) for f in files if "__pycache__" not in f.parts)


@cache
def tree(path):
    """Return the syntax tree of a file of the repository."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imports(path):
    """Yield (module, name) of every import in a file; name is "" for a plain `import module`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def private_part(module, name):
    """Return whether an import names something with one leading underscore."""
    parts = [*module.split("."), name]
    return any(part.startswith("_") and not part.startswith("__") for part in parts)


def foreign_private_imports(path):
    """Return the private things that a file imports from a package it does not belong to."""
    own = path.split("/")[0]
    found = set()
    for module, name in imports(path):
        package = module.split(".")[0]
        if package in (*PACKAGES, *OUTSIDE) and package != own and private_part(module, name):
            found.add(module if private_part(module, "") else f"{module}.{name}")
    return found


def lengths(path):
    """Yield (what, name, lines) of the file itself and of its functions and classes."""
    yield "file", path, len((ROOT / path).read_text(encoding="utf-8").splitlines())
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            what = "class" if isinstance(node, ast.ClassDef) else "function"
            yield what, f"{path}: {node.name}", node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("folder", [*PACKAGES, *OUTSIDE])
def test_no_private_name_is_imported_from_another_package(folder):
    found = {
        path: foreign_private_imports(path) - MAY_IMPORT_PRIVATE.get(path, set())
        for path in sources(folder)
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_the_exceptions_are_needed():
    for path, allowed in MAY_IMPORT_PRIVATE.items():
        assert allowed <= foreign_private_imports(path), path


def silent_about(folder):
    """Return what a folder of a package lacks: a README of 5 to 15 lines, a docstring."""
    readme = ROOT / folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    lines = sum(bool(line.strip()) for line in text.splitlines())
    if not 5 <= lines <= 15:
        yield f"{folder}/README.md has {lines} lines that are not blank"
    if not ast.get_docstring(tree(folder / "__init__.py")):
        yield f"{folder}/__init__.py has no docstring"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_explains_itself(package):
    folders = sorted({Path(path).parent for path in sources(package)})
    assert [lack for folder in folders for lack in silent_about(folder)] == []


def prose(path):
    """Return the text of a page without its code blocks; of a Python file all of it."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def dead_paths(page):
    """Return the paths that a page names in backticks or links, and that do not exist.

    A path in backticks belongs to the root or to the folder of the page. A README may also name a
    file anywhere below its folder. In pages, other names are examples of files that users write.
    """
    folder = (ROOT / page).parent
    text = prose(page)
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", link) and not (folder / link).exists():
            yield f"{page}: {link}"
    for path in re.findall(r"`([\w.-]+(?:/[\w.-]*)*)`", text):
        is_own = path.split("/")[0] in (*PACKAGES, *OUTSIDE, "docs", "notebooks") and "/" in path
        if Path(page).name == "README.md" and page != "README.md":
            is_own |= path.endswith((".py", "/"))
        exists = (ROOT / path).exists() or (folder / path).exists()
        if is_own and not exists and not any(folder.rglob(path)):
            yield f"{page}: {path}"


def test_paths_in_pages_and_readmes_exist():
    roots = [*PACKAGES, *OUTSIDE, "docs", "notebooks"]
    pages = [*ROOT.glob("*.md"), *(page for root in roots for page in (ROOT / root).rglob("*.md"))]
    assert len(pages) > 50
    names = sorted(str(page.relative_to(ROOT)) for page in pages)
    assert [dead for name in names for dead in dead_paths(name)] == []


def test_paths_in_python_files_exist():
    roots = "|".join([*PACKAGES, *OUTSIDE])
    pattern = re.compile(rf"(?<![\w/.-])(?:{roots})(?:/\w+)*/\w+\.(?:py|md)\b")
    named = {
        (path, name)
        for path in sources(*PACKAGES, *OUTSIDE)
        for name in pattern.findall(prose(path))
    }
    assert len(named) > 10
    assert [f"{path}: {name}" for path, name in sorted(named) if not (ROOT / name).exists()] == []


def test_no_test_module_imports_a_test_module():
    found = [
        f"{path} imports {module}.{name}"
        for path in sources("tests")
        for module, name in imports(path)
        if module.startswith("tests")
        and any(part.startswith("test_") for part in [*module.split("."), name])
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_files_functions_and_classes_are_short(package):
    long = [
        f"{what} {name} has {lines} lines"
        for path in sources(package)
        for what, name, lines in lengths(path)
        if lines > LONGEST[what]
    ]
    assert long == []
