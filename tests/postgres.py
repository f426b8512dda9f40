"""A PostgreSQL of the system's packages on a free port of this machine, for tests marked `cluster`: started, stopped,
killed and started again. Its databases are copies of one that holds an empty library, and go with the server."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from rag import settings
from rag.settings import Server

# As postgres, where root runs the tests: it will not run as root.
USER = "postgres" if hasattr(os, "geteuid") and os.geteuid() == 0 else None
NAMED = "rag"  # the server's own user, without a password: it listens to this machine alone


def programs() -> Path | None:
    """The folder of initdb and pg_ctl; None where there is none."""
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    if found := shutil.which("pg_ctl"):
        folders.append(Path(found).resolve().parent)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Postgres:
    """One server with its data in a temporary folder."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None, "mark tests that use it with pytest.mark.cluster"
        self.programs = found
        self.folder = Path(tempfile.mkdtemp(prefix="rag-pg-"))
        if USER:
            shutil.chown(self.folder, USER)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._names = itertools.count(1)
        self._empty = False
        self._run("initdb", "-A", "trust", "-U", NAMED, "-E", "UTF8", "--locale=C.UTF-8", "-N")
        (self.folder / "data" / "postgresql.auto.conf").write_text(
            f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = ''\n"
            "fsync = off\nfull_page_writes = off\nmax_connections = 200\nshared_buffers = 32MB\n"
        )
        self.start()

    def _run(self, program: str, *words: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *words]
        done = subprocess.run(
            command, user=USER, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "start")

    def stop(self, how: str = "fast") -> None:
        """ "immediate": as if the machine had lost its power."""
        self._run("pg_ctl", "-w", "-m", how, "stop")

    def address(self, database: str) -> str:
        return f"postgresql+psycopg://{NAMED}@127.0.0.1:{self.port}/{database}"

    def say(self, command: str, database: str = "postgres") -> None:
        import psycopg

        address = self.address(database).replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(command)  # type: ignore[call-overload]

    def nothing(self) -> Server:
        """A database without tables."""
        name = f"n{next(self._names)}"
        self.say(f"CREATE DATABASE {name} TEMPLATE template0")
        return server(self.address(name))

    def empty(self) -> Server:
        """An empty library: copied, it saves each test the migrations."""
        from rag.store import Store

        if not self._empty:
            self.say("CREATE DATABASE empty TEMPLATE template0")
            Store.open(server(self.address("empty"))).close()
            self._empty = True
        name = f"l{next(self._names)}"
        self.say(f"CREATE DATABASE {name} TEMPLATE empty STRATEGY file_copy")
        return server(self.address(name))

    def close(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)


def server(address: str) -> Server:
    place = settings.place(address)
    assert isinstance(place, Server)
    return place
