"""The package's rooms import one another one way, as the page on its architecture has them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterator, NamedTuple

import drmaa_cffi

ROOT = Path(drmaa_cffi.__file__).parent
#: From the bottom: what stands in a line may import from lines above it, and from itself. A name
#: is a module or a room with all that is in it; the longest that fits is the one that counts.
ORDER = [
    ["_drmaa", "_programs", "errors", "usage", "sacct"],
    ["const"],
    ["causes"],
    ["jobinfo"],
    ["_binding.loading", "_binding.elf"],
    ["library"],
    ["_binding"],
    ["_template"],
    ["resources"],
    ["_template.native"],  # the attribute that Resources can be said in
    ["template"],
    ["retry"],
    ["_waiting"],
    ["session"],
    ["_futures"],
    ["executor", "explaining", "helpers"],
    ["_functions"],
    ["functions", "aio"],
    ["shim"],
    ["drmaa_cffi"],
    ["cli", "__main__"],
]
RANKS = {name: rank for rank, line in enumerate(ORDER) for name in line}
#: The engine stands beside all of these: it is reached through its libdrmaa.
ENGINE = {
    "engine": {"engine", "_programs"},
    "engine.core": {"engine.core", "_programs"},
    "engine.local": {"engine.local", "engine.core", "_programs"},
    "engine.slurm": {"engine.slurm", "engine.core", "_programs"},
    # No more than the public names of the programs.
    "local": {"engine.local", "engine.core"},
    "slurm": {"engine.slurm", "engine.core"},
}


class Import(NamedTuple):
    """That one module imports another."""

    by: str
    what: str
    #: Only types are meant: nothing is imported when the program runs.
    is_for_types: bool
    #: A function does so when it is called.
    is_late: bool


def module_of(path: Path) -> str:
    """Return a file's module, without the package's name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def targets(path: Path, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Give the modules of the package that a statement imports."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        folder = path.parent
        for _ in range(node.level - 1):
            folder = folder.parent
        package = ["drmaa_cffi", *folder.relative_to(ROOT).parts] if node.level else []
        base = [*package, *(node.module or "").split(".")] if node.module else package
        names = []
        for alias in node.names:
            file = ROOT.parent.joinpath(*base, alias.name)
            is_module = file.with_suffix(".py").exists() or file.is_dir()
            names.append(".".join([*base, alias.name] if is_module else base))
    for name in names:
        first, _, rest = name.partition(".")
        if first == "drmaa_cffi":
            yield rest or "drmaa_cffi"


def imports() -> Iterator[Import]:
    """Give all imports within the package."""
    for path in ROOT.rglob("*.py"):
        if "path" in path.relative_to(ROOT).parts:
            continue  # the module `drmaa`, for which this package is another
        tree = ast.parse(path.read_text())
        typing = {
            child
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            for child in ast.walk(node)
        }
        late = {
            child
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            for child in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for target in targets(path, node):
                    by = module_of(path) or "drmaa_cffi"
                    yield Import(by, target, node in typing, node in late)


def unit_of(module: str) -> str:
    """Return the entry of ORDER, or of ENGINE, that a module belongs to."""
    parts = module.split(".")
    for size in range(len(parts), 0, -1):
        name = ".".join(parts[:size])
        if name in RANKS or name in ENGINE:
            return name
    raise AssertionError(f"{module} has no place in the order: give it one")


#: What a record offers beyond itself, when it is asked: that brings in what is above.
OFFERS = {("jobinfo", "explaining")}
#: Types of what is passed in, or carried, by its user above.
TYPES = {
    ("_template", "template"),
    ("_template.native", "template"),
    ("causes", "jobinfo"),
    ("errors", "jobinfo"),
    ("jobinfo", "template"),
}


def test_one_way() -> None:
    """No module imports one of a room above its own; the few exceptions are there for a reason."""
    found, used = [], set()
    for each in imports():
        by, what = unit_of(each.by), unit_of(each.what)
        if by == what or by in ENGINE or what in ENGINE:
            continue
        if RANKS[what] < RANKS[by]:
            continue
        excused = TYPES if each.is_for_types else OFFERS if each.is_late else set()
        if (by, what) in excused:
            used.add((by, what))
        else:
            found.append(each)
    assert [] == found
    assert OFFERS | TYPES == used


def test_engine_apart() -> None:
    """The engine and the rest of the package, and its back ends, do not import each other."""
    found = []
    for each in imports():
        by, what = unit_of(each.by), unit_of(each.what)
        if (by in ENGINE or what in ENGINE) and what not in ENGINE.get(by, ()):
            found.append(each)
    assert [] == found


def test_only_the_binding_touches_c() -> None:
    """Nothing but the room for it imports the compiled module."""
    rooms = {unit_of(each.by) for each in imports() if unit_of(each.what) == "_drmaa"}
    assert {"_binding", "_binding.loading"} == rooms
