"""The bundle installs on a machine without a network, or says why it does not.

The wheels of other packages are stand-ins here: each has its true name, version and requirements, so that pip chooses
among them as it would, and leads to the package of the environment that runs the tests in place of holding it. Ours is
the true one. `make bundle` with true wheels takes minutes and a network; it is tried by hand.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from test_wheel import needed, unpacked_metadata

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import bundle  # noqa: E402

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the bundle is for Linux")


def write_wheel(folder: Path, distribution: importlib.metadata.Distribution, files: dict[str, bytes]) -> None:
    """A wheel of these files under the name, version and requirements of a distribution."""
    named = f"{re.sub(r'[-_.]+', '_', distribution.name).lower()}-{distribution.version}"
    inside = f"{named}.dist-info"
    files = files | {
        f"{inside}/METADATA": (distribution.read_text("METADATA") or "").encode(),
        f"{inside}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},sha256={digest(content)},{len(content)}" for name, content in files.items()]
    with zipfile.ZipFile(folder / f"{named}-py3-none-any.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{inside}/RECORD", "\n".join([*record, f"{inside}/RECORD,,"]) + "\n")


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, unpacked as its receiver does."""
    wheels, links, out = (tmp_path_factory.mktemp(name) for name in ("wheels", "links", "out"))
    shutil.copy(wheel, wheels)
    metadata = importlib.metadata.Distribution.at(unpacked_metadata(wheel, links.parent))
    core = [r for r in metadata.requires or () if not re.search(r"extra\s*==", r)]
    for distribution in needed(core):
        place = links / distribution.name
        place.mkdir(exist_ok=True)
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not top.endswith(".dist-info") and not (place / top).exists():
                (place / top).symlink_to(Path(str(distribution.locate_file(top))))
        write_wheel(wheels, distribution, {f"{distribution.name}.pth": f"{place}\n".encode()})
    pip = importlib.metadata.distribution("pip")
    own = {
        str(f): Path(str(f.locate())).read_bytes()
        for f in pip.files or ()
        if f.parts[0] == "pip" and f.suffix != ".pyc"
    }
    write_wheel(wheels, pip, own)
    made = bundle.pack(wheels, [], out)
    with tarfile.open(made) as archive:
        archive.extractall(out, filter="data")
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    return folder


def install(folder: Path, target: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """In a home of its own, with registries that answer nobody, as far as pip would ask any."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(target.parent), "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    words = ["sh", str(folder / "install.sh"), str(target)]
    return subprocess.run(words, env=kept | more, capture_output=True, text=True, encoding="utf-8", timeout=300)


@pytest.mark.slow
def test_it_installs_without_a_network_and_answers(unpacked: Path, sample_library: Path, tmp_path: Path) -> None:
    target, library = tmp_path / "带空格 的文件夹", tmp_path / "library"
    done = install(unpacked, target, PYTHON=sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "装好了：rag " in done.stdout
    shutil.copytree(sample_library, library)
    asked = [target / "venv/bin/rag", "ask", "给成人做胸外按压，要按多深？", "--json", "--library", library]
    told = subprocess.run(asked, capture_output=True, text=True, encoding="utf-8", env={"HOME": str(tmp_path)})
    assert "5至6厘米" in json.loads(told.stdout)["answer"], told.stderr


def python_of(version: str, folder: Path) -> str:
    """A program that says it is a Python of that version."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\necho {version}\n", "utf-8")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("version", "said"), [("3.9", "太旧（3.9）"), ("3.99", "Python 是 3.99"), ("2.7", "太旧（2.7）")]
)
def test_another_python_is_refused_with_a_reason(light: Path, tmp_path: Path, version: str, said: str) -> None:
    done = install(light, tmp_path / "rag", PYTHON=python_of(version, tmp_path))
    assert done.returncode == 1
    assert said in done.stderr
    assert "要 Python {}.{}".format(*sys.version_info[:2]) in done.stderr
    assert not (tmp_path / "rag").exists()


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of wheels that hold nothing."""
    wheels, out = tmp_path_factory.mktemp("none"), tmp_path_factory.mktemp("light")
    for name in ("rag-1-py3-none-any.whl", "pip-1-py3-none-any.whl"):
        zipfile.ZipFile(wheels / name, "w").close()
    with tarfile.open(bundle.pack(wheels, ["cluster"], out)) as archive:
        archive.extractall(out, filter="data")
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    assert 'BUNDLE_EXTRAS="[cluster]"' in (folder / "bundle.env").read_text("utf-8")
    return folder


def test_a_damaged_bundle_is_refused(light: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(light, broken)
    (broken / "wheels" / "rag-1-py3-none-any.whl").write_bytes(b"cut off")
    done = install(broken, tmp_path / "rag", PYTHON=sys.executable)
    assert (done.returncode, (tmp_path / "rag").exists()) == (1, False)
    assert "不完整" in done.stderr


def test_a_bundle_for_another_machine_is_refused(light: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(light, other)
    told = (other / "bundle.env").read_text("utf-8")
    (other / "bundle.env").write_text(re.sub('MACHINE=".*"', 'MACHINE="Linux-loongarch64"', told), "utf-8")
    assert "是为 Linux-loongarch64 做的" in install(other, tmp_path / "rag", PYTHON=sys.executable).stderr


def test_a_folder_of_something_else_is_left_alone(light: Path, tmp_path: Path) -> None:
    (tmp_path / "rag").mkdir()
    (tmp_path / "rag/文章.txt").write_text("我的", "utf-8")
    done = install(light, tmp_path / "rag", PYTHON=sys.executable)
    assert done.returncode == 1
    assert "已经有别的东西" in done.stderr
    assert [file.name for file in (tmp_path / "rag").iterdir()] == ["文章.txt"]


def test_what_does_not_install_is_said_with_its_last_lines(light: Path, tmp_path: Path) -> None:
    done = install(light, tmp_path / "rag", PYTHON=sys.executable)
    assert done.returncode == 1
    assert "没有装成" in done.stderr
    assert (tmp_path / "rag/install.log").read_text("utf-8")
