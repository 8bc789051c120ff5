"""The recipes for sites do what their page says, as far as this machine can show it."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import drmaa_cffi

if sys.version_info >= (3, 11):
    import tomllib

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "hpc-site.md").read_text(encoding="utf-8")
PREFIX = "/opt/drmaa-cffi/0.1.0"
SITES_LIBRARY = "/opt/sge/lib/lx-amd64/libdrmaa.so"
# What runs a module file, by its language: Lmod reads both.
LMOD = os.environ.get("LMOD_CMD", "/usr/share/lmod/lmod/libexec/lmod")
MODULES = os.environ.get("MODULES_CMD", "/usr/lib/x86_64-linux-gnu/modulecmd.tcl")
PROGRAM = """
import drmaa, drmaa_cffi, os
print(drmaa.Session is drmaa_cffi.Session, os.path.dirname(drmaa_cffi.__file__))
drmaa.Session().drmsInfo
"""


def block(language: str, word: str = "") -> str:
    """Return the page's block in a language, with a word in it."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (text,) = (text for text in found if word in text)
    return str(text)


def site_packages(prefix: Path) -> Path:
    """Make a folder as pip does, with the package and what it needs."""
    folder = prefix / "lib" / "python3.11" / "site-packages"
    folder.mkdir(parents=True)
    for name in ("drmaa_cffi", "cffi", "_cffi_backend", "pycparser"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        origin = origin.parent if origin.name == "__init__.py" else origin
        (folder / origin.name).symlink_to(origin)
    return folder


@pytest.mark.parametrize(
    ("language", "suffix", "command"),
    [
        pytest.param("lua", ".lua", [LMOD], id="lua, Lmod"),
        pytest.param("tcl", "", [LMOD], id="Tcl, Lmod"),
        pytest.param("tcl", "", [MODULES], id="Tcl, Environment Modules"),
    ],
)
def test_module_file(language: str, suffix: str, command: list[str], tmp_path: Path) -> None:
    """The module gives Python the package, the shim and the library; unloading takes them away."""
    if not Path(command[-1]).exists():
        pytest.skip(f"{command[-1]} is not installed")
    # The sanitizers' libraries come before all others, where the package is built with them.
    kept = ("PATH", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS")
    bare = {name: os.environ[name] for name in kept if name in os.environ}
    bare["HOME"] = str(tmp_path)
    folder = site_packages(tmp_path / "opt")
    text = block(language).replace(PREFIX, str(tmp_path / "opt"))
    text = text.replace(
        SITES_LIBRARY, str(Path(drmaa_cffi.__file__).parent / "engine" / "local" / "libdrmaa.so")
    )
    file = tmp_path / "modules" / "drmaa-cffi" / f"0.1.0{suffix}"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="ascii")

    def module(environment: dict[str, str], *words: str) -> dict[str, str]:
        """Return the environment after a module command, as bash would have it."""
        asked = {**environment, "MODULEPATH": str(tmp_path / "modules")}
        said = subprocess.run(
            [*command, "bash", *words],
            env=asked,
            timeout=60,
            capture_output=True,
            text=True,
            check=True,
        )
        evaluated = subprocess.run(
            ["/bin/bash", "-c", f"{said.stdout}\nenv -0"],
            env=asked, timeout=60, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return dict(line.split("=", 1) for line in evaluated.stdout.split("\0") if "=" in line)

    loaded = module(bare, "load", "drmaa-cffi")
    path = loaded["PYTHONPATH"].split(":")
    assert [str(folder / "drmaa_cffi" / "shim" / "path"), str(folder)] == path
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM],
        env=loaded, timeout=60, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"True {folder / 'drmaa_cffi'}\n" == done.stdout
    unloaded = module(loaded, "unload", "drmaa-cffi")
    assert {} == {
        name: value
        for name, value in unloaded.items()
        if name in ("PYTHONPATH", "DRMAA_LIBRARY_PATH") and value
    }


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reads TOML by the standard library")
def test_spack_package() -> None:
    """The Spack package needs what the package needs, and its shim is where it says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        f"python{project['project']['requires-python']}",
    }
    tree = ast.parse(block("python", "spack"))
    called = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    specs = [
        node.args[0].value
        for node in called
        if isinstance(node.func, ast.Name)
        and node.func.id == "depends_on"
        and isinstance(node.args[0], ast.Constant)
    ]
    written = {re.sub(r"^py-|:$", "", str(spec)).replace("@", ">=") for spec in specs}
    assert {re.sub(r"[;,\s].*", "", need) for need in needed} | {"c"} == written
    assert 'join_path(python_platlib, "drmaa_cffi", "shim", "path")' in block("python", "spack")
    assert (Path(drmaa_cffi.__file__).parent / "shim" / "path").is_dir()


def test_easybuild_recipe() -> None:
    """The EasyBuild recipe is read as EasyBuild reads it, and its shim is where it says."""
    recipe: dict[str, Any] = {}
    exec(compile(block("python", "easyblock"), "recipe.eb", "exec"), recipe)
    assert ("PythonPackage", "drmaa-cffi") == (recipe["easyblock"], recipe["name"])
    assert {"Python", "cffi"} == {name for name, _ in recipe["dependencies"]}
    shim = recipe["modextrapaths"]["PYTHONPATH"].partition("site-packages/drmaa_cffi/")[2]
    assert (Path(drmaa_cffi.__file__).parent / shim).is_dir()
