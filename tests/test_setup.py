"""scripts/setup.py: which PyTorch it takes, and that a set-up is done once, begun anew, or left alone, as it should."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINUX = {"platform_system": "Linux", "sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"}
ARM = LINUX | {"platform_machine": "aarch64"}
MAC = {"platform_system": "Darwin", "sys_platform": "darwin", "platform_machine": "arm64", "os_name": "posix"}
WINDOWS = {"platform_system": "Windows", "sys_platform": "win32", "platform_machine": "AMD64", "os_name": "nt"}

# As pip reported them of real builds (shortened).
PLAIN = ["filelock", 'setuptools; python_version >= "3.12"', "sympy>=1.13.3", 'optree>=0.13.0; extra == "optree"']
NEW = [*PLAIN, 'cuda-toolkit[cublas,cudart]==13.0.3; platform_system == "Linux"',
       'nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"',
       'triton==3.7.1; platform_system == "Linux" and python_version < "3.15"']  # fmt: skip
OLD = [*PLAIN, 'nvidia-cublas-cu12==12.8.4.1; platform_system == "Linux" and platform_machine == "x86_64"',
       'triton==3.5.1; platform_system == "Linux" and platform_machine == "x86_64"']  # fmt: skip


@pytest.fixture
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "scripts/setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(version: str, requires: list[str], environment: dict[str, str]) -> dict[str, object]:
    metadata = {"name": "torch", "version": version, "requires_dist": requires}
    return {"version": "1", "install": [{"metadata": metadata}], "environment": environment}


@pytest.mark.parametrize(
    ("version", "requires", "environment", "cpu"),
    [
        ("2.13.0+cpu", PLAIN, LINUX, True),
        ("2.13.0", PLAIN, LINUX, True),
        ("2.13.0", NEW, LINUX, False),
        ("2.13.0", NEW, ARM, False),
        ("2.13.0", NEW, MAC, True),
        ("2.13.0", NEW, WINDOWS, True),
        ("2.9.1", OLD, LINUX, False),
        ("2.9.1", OLD, ARM, True),
        ("2.9.1+cu128", PLAIN, WINDOWS, False),
        ("2.9.1+rocm6.4", PLAIN, LINUX, False),
        ("2.9.1", ["nvidia-cudnn-cu13==9; platform_system != \"Windows\""], LINUX, False),
        ("2.9.1", ["nvidia-cudnn-cu13==9; sys_platform == \"win32\" or sys_platform == \"linux\""], LINUX, False),
    ],
)  # fmt: skip
def test_a_cpu_build_is_told_by_its_version_and_what_it_requires_here(
    setup: ModuleType, version: str, requires: list[str], environment: dict[str, str], cpu: bool
) -> None:
    assert setup.is_cpu_build(report(version, requires, environment)) is cpu


def test_the_first_cpu_build_is_taken_with_its_exact_version(setup: ModuleType) -> None:
    there = {"torch==2.13.0": report("2.13.0", NEW, ARM), "torch>=2.5,<3": report("2.15.0", NEW, ARM),
             "torch>=2.5,<2.10": report("2.9.1", OLD, ARM)}  # fmt: skip
    assert setup.choose_torch(there.get) == "torch==2.9.1"
    assert setup.choose_torch({"torch==2.13.0": report("2.13.0+cpu", PLAIN, LINUX)}.get) == "torch==2.13.0+cpu"


def test_no_pytorch_is_taken_where_all_are_for_graphics_cards(setup: ModuleType) -> None:
    assert setup.choose_torch(lambda requirement: report("2.9.1", NEW, LINUX)) is None


def test_no_pytorch_is_taken_where_pip_finds_none(setup: ModuleType) -> None:
    assert setup.choose_torch(lambda requirement: None) is None


def test_the_range_of_pytorch_is_that_of_the_package(setup: ModuleType) -> None:
    assert f'"{setup.TORCH[1]}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_lock_pins_all_but_pytorch(setup: ModuleType) -> None:
    lines = [line for line in setup.LOCK.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert all("==" in line.partition(";")[0] for line in lines)
    assert not [line for line in lines if line.startswith("torch") or setup.FOR_GRAPHICS_CARDS.match(line)]
    assert not [line for line in lines if "://" in line or "@" in line or "hash" in line]


def test_the_lock_has_every_package_that_is_asked_for(setup: ModuleType) -> None:
    """Each within its range: `make lock` was run after the last change of pyproject.toml."""
    import tomllib

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    locked = [Requirement(line) for line in setup.LOCK.read_text("utf-8").splitlines() if not line.startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    for requirement in map(Requirement, asked):
        if requirement.name != "torch":
            mine = [r for r in locked if canonicalize_name(r.name) == canonicalize_name(requirement.name)]
            assert mine, f"{requirement.name} is not in requirements.lock: make lock"
            for one in mine:
                version = next(iter(one.specifier)).version
                assert requirement.specifier.contains(version), f"{one} is not {requirement}: make lock"


# ---------------------------------------------------------------- the steps, with a pip that only writes down


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the real scripts, and a stand-in for pip that notes what it was asked."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/setup.py", tmp_path / "scripts")
    for name in ("pyproject.toml", "requirements.lock", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


RUN = """
import importlib.util, json, os, pathlib, subprocess, sys
spec = importlib.util.spec_from_file_location("setup_script", "scripts/setup.py")
setup = importlib.util.module_from_spec(spec)
spec.loader.exec_module(setup)
asked = pathlib.Path("asked")

def pip(*arguments):
    with asked.open("a") as file:
        file.write(" ".join(arguments).replace(str(setup.ROOT), "ROOT") + "\\n")
    if os.environ.get("BREAK", "nothing") in arguments:
        setup.LOG.write_text(os.environ.get("LOG", ""))
        raise setup.Failed

def make_venv():         # without pip: ten times faster
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(setup.VENV)], check=True)
    return True

setup.pip, setup.make_venv = pip, make_venv
setup.runs = lambda: pathlib.Path(setup.python()).exists()
setup.ask_pip = lambda requirement: json.loads(os.environ["REPORT"]) if "REPORT" in os.environ else None
setup.main()
"""


def run(checkout: Path, **environment: str) -> tuple[int, str, list[str]]:
    """(exit code, what was printed, what pip was asked) of one set-up."""
    (checkout / "asked").write_text("")
    clean = {name: value for name, value in os.environ.items() if name != "TORCH"}
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=checkout, capture_output=True, text=True, encoding="utf-8",
        env=clean | environment,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, (checkout / "asked").read_text().splitlines()


def test_a_finished_set_up_is_not_done_again(checkout: Path) -> None:
    code, printed, asked = run(checkout)
    assert code == 0, printed
    assert asked[1] == "install -e ROOT[dev] -c ROOT/requirements.lock"
    code, printed, asked = run(checkout)
    assert (code, asked) == (0, [])
    assert "已经就绪" in printed


def test_an_interrupted_set_up_is_begun_anew(checkout: Path) -> None:
    code, printed, _ = run(checkout, BREAK="-e")
    assert code == 1
    assert "make setup" in printed
    assert not (checkout / ".venv/.ready").exists()
    (checkout / ".venv/half-written").touch()
    code, printed, asked = run(checkout)
    assert code == 0, printed
    assert asked
    assert not (checkout / ".venv/half-written").exists()


def test_a_locked_version_that_is_not_there_gives_way_to_the_range(checkout: Path) -> None:
    _, printed, asked = run(checkout, BREAK="-c", LOG="ERROR: No matching distribution found for onnxruntime==1.32.0")
    assert asked[2:] == ["install -e ROOT[dev] -c ROOT/requirements.lock", "install -e ROOT[dev]"]
    assert "锁定版本" in printed


def test_other_packages_are_added_to_a_finished_set_up(checkout: Path) -> None:
    run(checkout)
    (checkout / ".venv/kept").touch()
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("another==1.0\n")
    code, _, asked = run(checkout)
    assert code == 0
    assert asked
    assert (checkout / ".venv/kept").exists()


def test_a_checkout_that_was_moved_is_set_up_anew(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    run(checkout)
    (checkout / ".venv/old").touch()
    moved = tmp_path_factory.mktemp("elsewhere") / "rag"
    shutil.move(checkout, moved)
    code, _, asked = run(moved)
    assert code == 0
    assert asked
    assert not (moved / ".venv/old").exists()


def test_without_a_cpu_build_the_rest_is_installed_and_it_says_so(checkout: Path) -> None:
    code, printed, asked = run(checkout, REPORT=json.dumps(report("2.13.0", NEW, LINUX)))
    assert code == 0
    assert len(asked) == 2
    assert "make setup TORCH=" in printed


def test_a_cpu_build_brings_what_language_models_need(checkout: Path) -> None:
    code, _, asked = run(checkout, REPORT=json.dumps(report("2.13.0+cpu", PLAIN, LINUX)))
    assert code == 0
    assert asked[2:] == ["install torch==2.13.0+cpu", "install -e ROOT[models,dev] -c ROOT/requirements.lock"]


def test_the_users_own_choice_of_pytorch_is_handed_to_pip(checkout: Path) -> None:
    code, _, asked = run(checkout, TORCH="torch==2.9.1 --find-links 'my wheels'")
    assert code == 0
    assert asked[2] == "install torch==2.9.1 --find-links my wheels"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not on the PATH")
def test_an_old_python_is_told_in_words(checkout: Path) -> None:
    old = checkout / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    for name in ("sh", "head"):
        (checkout / name).symlink_to(shutil.which(name) or name)
    done = subprocess.run(
        [shutil.which("make") or "make", "setup"], cwd=checkout, capture_output=True, text=True, encoding="utf-8",
        env={"PATH": str(checkout)},
    )  # fmt: skip
    assert done.returncode != 0
    assert "Python 3.11" in done.stderr
    assert "3.9.2" in done.stderr
    assert not (checkout / ".venv").exists()
