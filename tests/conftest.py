"""What holds for every test: no user's data is touched, nothing leaves this machine.

Data, caches and the working folder lie in a temporary folder; sockets reach the loopback only.
Files of the checkout are found by `ROOT`, never by the working folder.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

# Read by huggingface_hub and gradio when they are imported, so before any test is.
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")

ROOT = Path(__file__).resolve().parent.parent


class OffTheMachine(AssertionError):
    """A test, or what it tests, tried to reach another machine."""


def _loopback(host: object) -> bool:
    """True for localhost and its addresses, and for a name that is no host at all ("" binds, None listens)."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).split("%")[0]).is_loopback
    except ValueError:
        return False


def _guard(address: object) -> None:
    """An address of an IP socket is a tuple with the host first; a path or bytes is a socket on this machine."""
    if isinstance(address, tuple) and not _loopback(address[0]):
        raise OffTheMachine(f"a connection to {address!r}: tests stay on this machine")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections and look-ups of names off the loopback raise `OffTheMachine`."""
    connect, connect_ex, sendto = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto
    look_up = socket.getaddrinfo

    class Guarded:
        def connect(self: socket.socket, address: object) -> None:  # type: ignore[misc]
            _guard(address)
            return connect(self, address)  # type: ignore[arg-type]

        def connect_ex(self: socket.socket, address: object) -> int:  # type: ignore[misc]
            _guard(address)
            return connect_ex(self, address)  # type: ignore[arg-type]

        def sendto(self: socket.socket, *arguments: object) -> int:  # type: ignore[misc]
            _guard(arguments[-1])
            return sendto(self, *arguments)  # type: ignore[call-overload,no-any-return]

    def getaddrinfo(host: object, *arguments: object, **named: object) -> object:
        _guard((host,))
        return look_up(host, *arguments, **named)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, Guarded.__dict__[name])
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


def _move(patch: pytest.MonkeyPatch, home: Path) -> None:
    """All places where user data could be, below `home`; no setting of ours from outside."""
    for name in [name for name in os.environ if name.startswith("RAG_")]:
        patch.delenv(name)
    home.mkdir(parents=True, exist_ok=True)
    places = {"HOME": "", "USERPROFILE": "", "APPDATA": "AppData/Roaming", "LOCALAPPDATA": "AppData/Local",
              "XDG_DATA_HOME": ".local/share", "XDG_CONFIG_HOME": ".config", "XDG_CACHE_HOME": ".cache",
              "XDG_STATE_HOME": ".local/state", "HF_HOME": ".cache/huggingface",
              "GRADIO_TEMP_DIR": ".cache/gradio"}  # fmt: skip
    for name, below in places.items():
        patch.setenv(name, str(home / below))


@pytest.fixture(autouse=True, scope="session")
def users_data_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For what lives as long as the session and is made before the first test."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        _move(patch, home)
        patch.setenv("RAG_LIBRARY", str(home / "library"))
        yield


@pytest.fixture(autouse=True)
def users_data(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has a home, a library (not made yet) and an empty working folder of its own; gives the home."""
    home = tmp_path_factory.mktemp("home")
    _move(monkeypatch, home)
    monkeypatch.setenv("RAG_LIBRARY", str(home / "library"))
    (home / "work").mkdir()
    monkeypatch.chdir(home / "work")
    return home


@pytest.fixture(autouse=True)
def chinese() -> Iterator[None]:
    """Every test begins in Chinese, whatever language the last one spoke."""
    from rag import words

    words.speak("zh")
    yield
    words.speak("zh")


@pytest.fixture(scope="session")
def sample_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library that holds the sample articles, by the built-in models. Made once; copy it to write."""
    import rag
    from rag import settings

    folder = tmp_path_factory.mktemp("sample") / "library"
    with rag.open(folder) as library:
        receipts = library.add([settings.samples() / "articles"])
    assert receipts, "no sample was read"
    assert all(receipt.status == "added" for receipt in receipts), [r for r in receipts if r.status != "added"]
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Milvus Lite server that ends with the tests."""
    from milvus_server import MilvusLite

    if importlib.util.find_spec("pymilvus") is None or importlib.util.find_spec("milvus_lite") is None:
        lacking("Milvus is not installed; pip install 'rag[cluster]' adds it")
    with MilvusLite(tmp_path_factory.mktemp("milvus")) as server:
        yield server.address


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MODEL_PACKAGES = ("torch", "transformers", "sentence_transformers")


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of Chromium or Chrome. Tests marked `browser` are skipped where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found is not None, "mark tests that use this fixture with pytest.mark.browser"
    return found


@pytest.fixture(scope="module")
def chromium(browser: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright
    from serving import CHROMIUM

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser, args=CHROMIUM)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL for the tests marked `cluster` (tests/postgres.py)."""
    from tests.postgres import Postgres

    server = Postgres()
    yield server
    server.close()


@pytest.fixture(params=["folder", pytest.param("server", marks=pytest.mark.cluster)])
def place(request: pytest.FixtureRequest) -> Any:
    """Where a library is: a folder with nothing in it, and an empty one in PostgreSQL."""
    if request.param == "server":
        return request.getfixturevalue("postgres").empty()
    return request.getfixturevalue("tmp_path") / "library"


def lacking(why: str) -> NoReturn:
    """Skips a test that this machine can't run; in CI, which installs everything, that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Looks whether this machine has the browser or the packages that a test asks for."""
    if item.get_closest_marker("browser") and not any(map(shutil.which, BROWSERS)):
        lacking("no Chromium or Chrome on the PATH; on Debian and Ubuntu: sudo apt install chromium")
    if item.get_closest_marker("cluster"):
        from tests.postgres import programs

        if programs() is None:
            lacking("no PostgreSQL on this machine; on Debian and Ubuntu: sudo apt install postgresql")
        if importlib.util.find_spec("psycopg") is None:
            lacking("psycopg not installed; pip install -e '.[cluster]' adds it")
    if item.get_closest_marker("models"):
        missing = [name for name in MODEL_PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            lacking(f"{', '.join(missing)} not installed; make setup TORCH='…' adds them (README)")
