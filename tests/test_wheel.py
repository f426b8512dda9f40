"""The wheel in an empty environment, used from an empty folder: models, samples and interface travel with it.

The environment holds the wheel and exactly what it declares (linked from the one that runs the tests, so that nothing
is fetched): a package that is imported but not declared is missing there, the extras are, and so is this checkout.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="links packages into an environment")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = folder.glob("*.whl")
    return made


def needed(requirements: list[str]) -> Iterator[importlib.metadata.Distribution]:
    """The distributions that these requirements bring along, each once, as markers and extras here have it."""
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(r) for r in requirements]
    while waiting:
        requirement = waiting.pop()
        found = importlib.metadata.distribution(requirement.name)
        for extra in ("", *requirement.extras):
            if (found.name, extra) in seen:
                continue
            if extra == "":
                yield found
            seen.add((found.name, extra))
            for text in found.requires or ():
                more = Requirement(text)
                if more.marker is None or more.marker.evaluate({"extra": extra}):
                    waiting.append(more)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel and what it declares."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, symlinks=True, with_pip=False)
    (packages,) = (place / "lib").glob("python*/site-packages")
    metadata = importlib.metadata.Distribution.at(unpacked_metadata(wheel, packages.parent))
    core = [r for r in metadata.requires or () if not re.search(r"extra\s*==", r)]
    for distribution in needed(core):
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution.locate_file(top))))
    pip = [sys.executable, "-m", "pip", "--python", place / "bin/python", "--quiet"]
    command = [*pip, "install", "--no-deps", "--no-index", wheel]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return place / "bin"


def unpacked_metadata(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if re.match(r"[^/]+\.dist-info/METADATA$", name)]
        return Path(archive.extract(names[0], folder)).parent


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """An environment of variables without a trace of this checkout, and with a library of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k != "VIRTUAL_ENV"}
    return environment | {"RAG_LIBRARY": str(tmp_path / "library"), "PYTHONUTF8": "1"}


def run(installed: Path, environment: dict[str, str], *words: str | Path) -> str:
    done = subprocess.run(
        [installed / "rag", *words], capture_output=True, text=True, encoding="utf-8", env=environment, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_what_the_product_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for pattern in (r"rag/embeddings/[\w-]+/.*\.(onnx|safetensors)", r"rag/embeddings/[\w-]+/README\.md",
                    r"rag/samples/articles/.*\.md", r"rag/samples/questions\.jsonl", r"rag/words/zh\.json",
                    r"rag/migrations/versions/\w+\.py", r"rag/chat/assets/.*\.(css|js)",
                    r".*\.dist-info/licenses/LICENSE", r".*\.dist-info/licenses/NOTICE"):  # fmt: skip
        assert any(re.fullmatch(pattern, name) for name in names), f"nothing like {pattern} in the wheel"
    assert not [name for name in names if re.match(r"tests/|scripts/|rag/embeddings/\w+\.py$", name)]


def test_it_is_the_wheel_that_runs_and_no_extra_is_there(installed: Path, elsewhere: dict[str, str]) -> None:
    where = "import rag, importlib.util as u; print(rag.__file__, u.find_spec('torch'), u.find_spec('pytest'))"
    printed = subprocess.run([installed / "python", "-c", where], capture_output=True, text=True, env=elsewhere).stdout
    assert printed.split() == [str(next(installed.parent.glob("lib/*/site-packages/rag/__init__.py"))), "None", "None"]


def test_it_says_its_version(installed: Path, elsewhere: dict[str, str]) -> None:
    import rag

    assert run(installed, elsewhere, "--version").strip() == f"rag {rag.__version__}"


def test_it_answers_from_the_sample_library(installed: Path, elsewhere: dict[str, str]) -> None:
    receipts = [json.loads(line) for line in run(installed, elsewhere, "add", "--sample", "--json").splitlines()]
    assert len(receipts) >= 40
    assert {receipt["status"] for receipt in receipts} == {"added"}
    reply = json.loads(run(installed, elsewhere, "ask", "给成人做胸外按压，要按多深？", "--json"))
    assert not reply["refused"]
    assert "5至6厘米" in reply["answer"]
    for citation in reply["citations"]:
        article = json.loads(run(installed, elsewhere, "show", citation["article_id"], "--json"))
        assert article["text"][citation["start"] : citation["end"]] == citation["quote"]
    check = json.loads(run(installed, elsewhere, "check", "--json"))
    assert check["whole"]


@contextlib.contextmanager
def serving(installed: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The address of a chat that runs until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "serve.log"
    with log.open("w") as file:
        server = subprocess.Popen([installed / "rag", "serve", "--sample", "--port", str(port)], env=environment,
                                  stdout=file, stderr=subprocess.STDOUT)  # fmt: skip
    address = f"http://127.0.0.1:{port}/"
    try:
        until = time.monotonic() + 120
        while True:
            assert server.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < until, "no page after two minutes\n" + log.read_text("utf-8")
            with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=10):
                break
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def test_it_serves_the_chat(installed: Path, elsewhere: dict[str, str], tmp_path: Path) -> None:
    with serving(installed, elsewhere, tmp_path) as address, urllib.request.urlopen(address, timeout=30) as page:
        assert page.status == 200
        html = page.read().decode("utf-8")
    assert "gradio" in html
    loaded = re.findall(r"""<(?:script|link|img)\b[^>]*?\b(?:src|href)=["'](https?://[^"']+)""", html)
    outside = [url for url in loaded if not url.startswith(address)]
    assert not outside, f"the page asks other hosts: {outside}"


def test_nothing_is_written_outside_the_library(installed: Path, elsewhere: dict[str, str], users_data: Path) -> None:
    run(installed, elsewhere, "add", "--sample")
    run(installed, elsewhere, "ask", "给成人做胸外按压，要按多深？")
    assert not list(Path.cwd().iterdir())
    written = [p for p in users_data.rglob("*") if p.is_file()]
    assert not written, f"{written}"
