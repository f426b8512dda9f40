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
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="links packages into an environment")]


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


@dataclass(frozen=True)
class Elsewhere:
    """The installed programs, run in an empty folder of a home of their own."""

    programs: Path
    home: Path

    @property
    def library(self) -> Path:
        return self.home / "library"

    def environment(self) -> dict[str, str]:
        """Variables without a trace of this checkout. Nor does one say that this is CI, or offline: some packages
        report their use only where they are not told so."""
        left_out = re.compile(r"PYTHON|VIRTUAL_ENV|RAG_|XDG_|CI$|HF_|TRANSFORMERS_|GRADIO_|ORT_")
        kept = {name: value for name, value in os.environ.items() if not left_out.match(name)}
        return kept | {"HOME": str(self.home), "RAG_LIBRARY": str(self.library), "PYTHONUTF8": "1"}

    def start(self, log: Path, *words: str) -> subprocess.Popen[bytes]:
        with log.open("wb") as file:
            return subprocess.Popen(
                [self.programs / "rag", *words],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                cwd=self.home / "work",
            )

    def run(self, *words: str, program: str = "rag") -> str:
        done = subprocess.run(
            [self.programs / program, *words],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=self.environment(),
            cwd=self.home / "work",
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def elsewhere(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    home = tmp_path_factory.mktemp("elsewhere")
    (home / "work").mkdir()
    return Elsewhere(installed, home)


@pytest.fixture(scope="module")
def receipts(elsewhere: Elsewhere) -> list[dict[str, object]]:
    """The sample articles are in the library; what was said of each."""
    return [json.loads(line) for line in elsewhere.run("add", "--sample", "--json").splitlines()]


def test_the_wheel_holds_what_the_product_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for pattern in (r"rag/embeddings/[\w-]+/.*\.(onnx|safetensors)", r"rag/embeddings/[\w-]+/README\.md",
                    r"rag/samples/articles/.*\.md", r"rag/samples/questions\.jsonl", r"rag/words/zh\.json",
                    r"rag/migrations/versions/\w+\.py", r"rag/chat/assets/.*\.(css|js)",
                    r".*\.dist-info/licenses/LICENSE", r".*\.dist-info/licenses/NOTICE"):  # fmt: skip
        assert any(re.fullmatch(pattern, name) for name in names), f"nothing like {pattern} in the wheel"
    assert not [name for name in names if re.match(r"tests/|scripts/|rag/embeddings/\w+\.py$", name)]


def test_it_is_the_wheel_that_runs_and_no_extra_is_there(elsewhere: Elsewhere) -> None:
    where = "import rag, importlib.util as u; print(rag.__file__, u.find_spec('torch'), u.find_spec('pytest'))"
    (packages,) = elsewhere.programs.parent.glob("lib/*/site-packages")
    assert elsewhere.run("-c", where, program="python").split() == [str(packages / "rag/__init__.py"), "None", "None"]


def test_it_says_its_version(elsewhere: Elsewhere) -> None:
    import rag

    assert elsewhere.run("--version").strip() == f"rag {rag.__version__}"


def test_it_adds_the_sample_library(elsewhere: Elsewhere, receipts: list[dict[str, object]]) -> None:
    assert len(receipts) >= 40
    assert {receipt["status"] for receipt in receipts} == {"added"}
    assert json.loads(elsewhere.run("check", "--json"))["whole"]


def test_it_answers_with_words_of_the_article(elsewhere: Elsewhere, receipts: list[dict[str, object]]) -> None:
    reply = json.loads(elsewhere.run("ask", "给成人做胸外按压，要按多深？", "--json"))
    assert not reply["refused"]
    assert "5至6厘米" in reply["answer"]
    assert reply["citations"]
    for citation in reply["citations"]:
        article = json.loads(elsewhere.run("show", citation["article_id"], "--json"))
        assert article["text"][citation["start"] : citation["end"]] == citation["quote"]


@contextlib.contextmanager
def serving(elsewhere: Elsewhere, log: Path) -> Iterator[str]:
    """The address of a chat that runs until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = elsewhere.start(log, "serve", "--sample", "--port", str(port))
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


def test_it_serves_the_chat(elsewhere: Elsewhere, receipts: list[dict[str, object]], tmp_path: Path) -> None:
    with (
        serving(elsewhere, tmp_path / "serve.log") as address,
        urllib.request.urlopen(address, timeout=30) as page,
    ):
        assert page.status == 200
        html = page.read().decode("utf-8")
    assert "gradio" in html
    loaded = re.findall(r"""<(?:script|link|img)\b[^>]*?\b(?:src|href)=["'](https?://[^"']+)""", html)
    outside = [url for url in loaded if not url.startswith(address)]
    assert not outside, f"the page asks other hosts: {outside}"


def test_nothing_was_written_outside_the_library(elsewhere: Elsewhere, receipts: list[dict[str, object]]) -> None:
    """After all of the above; an identity that some package keeps for its reports would stand in the home."""
    elsewhere.run("ask", "给成人做胸外按压，要按多深？")
    written = [p for p in elsewhere.home.rglob("*") if p.is_file() and not p.is_relative_to(elsewhere.library)]
    assert not written, "\n".join(map(str, written))
