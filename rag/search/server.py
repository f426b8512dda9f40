"""Milvus's address comes in; collections that are there, rows in and out, and errors with names go out.

The one idea: nothing is opened until it is asked, and what was lost is opened anew by the next question, so a server
that was away needs no restart of ours.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rag.errors import SearchNotInstalled, SearchRefuses, SearchUnreachable
from rag.settings import SearchServer

if TYPE_CHECKING:
    from pymilvus import MilvusClient

READ, WRITE = 30.0, 120.0  # seconds that a question, a batch of rows may take
MOST = 16_384  # rows that Milvus gives for one question
_AT_ONCE = 500  # rows in one message: 6 KB each, and a message may have 64 MB
_LINKS, _BUILT_WITH, LOOKS_AT = 32, 80, 256  # HNSW as on one machine (`vectors.py`)
_CHANNEL = {
    "grpc.use_local_subchannel_pool": 1,  # what failed before makes a new connection wait for nothing
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.keepalive_time_ms": 60_000,  # more often, and a server may take it for an attack
    "grpc.keepalive_permit_without_calls": False,
}
_AWAY = ("fail connecting", "unavailable", "deadline", "timeout", "retry", "connection", "refused", "closed", "start")

Row = dict[str, Any]


class Server:
    """One Milvus, or Milvus Lite in a file. Any thread may ask."""

    def __init__(self, place: SearchServer) -> None:
        self.place = place
        self._turn = threading.Lock()
        self._client_: MilvusClient | None = None
        self._there: set[str] = set()  # collections that are known to be there
        self._lite: bool | None = None

    # ---------------------------------------------------------------- reaching it

    @contextmanager
    def reaching(self) -> Iterator[MilvusClient]:
        """Errors of the server and of the way there get names: SearchUnreachable, SearchRefuses, SearchNotInstalled."""
        try:
            import grpc
            from pymilvus import MilvusException
        except ImportError as error:
            raise SearchNotInstalled(search=self.place) from error
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)  # it prints tracebacks of what is told below
        try:
            yield self._client()
        except (MilvusException, grpc.RpcError, OSError) as error:
            self._forget()
            said = str(getattr(error, "message", "") or error)
            lines = said.strip().splitlines() or [type(error).__name__]
            away = isinstance(error, grpc.RpcError | OSError) or any(word in said.lower() for word in _AWAY)
            kind = SearchUnreachable if away else SearchRefuses
            raise kind(search=self.place, detail=lines[0][:200]) from error

    def _client(self) -> MilvusClient:
        with self._turn:
            if self._client_ is None:
                from pymilvus import MilvusClient

                self._client_ = MilvusClient(
                    uri=self.place.uri,
                    token=self.place.token,
                    db_name=self.place.database,
                    timeout=READ,
                    dedicated=True,
                    grpc_options=_CHANNEL,
                )
            return self._client_

    def _forget(self) -> None:
        """The next question connects anew, and looks again what is there."""
        with self._turn:
            client, self._client_ = self._client_, None
            self._there.clear()
        if client is not None:
            with suppress(Exception):  # it is broken already
                client.close()

    def close(self) -> None:
        self._forget()

    @property
    def is_lite(self) -> bool:
        if self._lite is None:
            with self.reaching() as client:
                self._lite = "lite" in str(client.get_server_version()).lower()
        return self._lite

    # ---------------------------------------------------------------- collections

    def has(self, name: str) -> bool:
        if name not in self._there:
            with self.reaching() as client:
                if client.has_collection(name, timeout=READ):
                    client.load_collection(name, timeout=WRITE)
                    self._there.add(name)
        return name in self._there

    def make(self, name: str, fields: Mapping[str, tuple[str, Mapping[str, Any]]], dimension: int = 0) -> None:
        """A collection of many libraries, where it is not there: `pk`, `tenant` and these fields, each with the name of
        its type; vectors get their index."""
        if self.has(name):
            return
        lite = self.is_lite
        with self.reaching() as client:
            from pymilvus import DataType

            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("pk", DataType.VARCHAR, is_primary=True, max_length=512)
            schema.add_field("tenant", DataType.VARCHAR, max_length=256, is_partition_key=True)
            indexes = client.prepare_index_params()
            for field, (kind, more) in fields.items():
                schema.add_field(field, DataType[kind], **more)
                if kind == "SPARSE_FLOAT_VECTOR":
                    indexes.add_index(field, index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
                elif kind == "FLOAT_VECTOR":
                    built = {"M": _LINKS, "efConstruction": _BUILT_WITH}
                    indexes.add_index(
                        field, index_type="FLAT" if lite else "HNSW", metric_type="IP", params={} if lite else built
                    )
            client.create_collection(
                name, schema=schema, index_params=indexes, consistency_level="Session", timeout=WRITE
            )
        self.has(name)

    def collections(self, prefix: str) -> list[str]:
        with self.reaching() as client:
            return [name for name in client.list_collections(timeout=READ) if name.startswith(prefix)]

    # ---------------------------------------------------------------- rows

    def put(self, name: str, rows: Sequence[Row]) -> None:
        """Rows in place of those with the same `pk`."""
        with self.reaching() as client:
            for start in range(0, len(rows), _AT_ONCE):
                client.upsert(name, list(rows[start : start + _AT_ONCE]), timeout=WRITE)

    def drop(self, name: str, condition: str) -> None:
        """Rows that meet a condition go."""
        if self.has(name):
            with self.reaching() as client:
                client.delete(name, filter=condition, timeout=WRITE)

    def flush(self, name: str) -> None:
        """Milvus Lite seeks in what was written lately row by row, until it is told to write it; Milvus needs no word,
        and hears few."""
        if self.is_lite:
            with self.reaching() as client:
                client.flush(name, timeout=WRITE)

    def rows(self, name: str, condition: str, fields: Sequence[str], *, newest: bool = False) -> list[Row]:
        """At most MOST of them. `newest`: also what another process wrote a moment ago."""
        if not self.has(name):
            return []
        level = {"consistency_level": "Strong"} if newest else {}
        with self.reaching() as client:
            found = client.query(name, filter=condition, output_fields=list(fields), limit=MOST, timeout=READ, **level)
        return [dict(row) for row in found]

    def count(self, name: str, condition: str) -> int:
        if not self.has(name):
            return 0
        with self.reaching() as client:
            (row,) = client.query(name, filter=condition, output_fields=["count(*)"], timeout=READ)
        return int(row["count(*)"])

    def search(
        self, name: str, field: str, vector: Any, k: int, condition: str, more: Mapping[str, Any] | None = None
    ) -> list[tuple[int, float]]:
        """(`passage`, inner product), best first."""
        if k < 1 or not self.has(name):
            return []
        with self.reaching() as client:
            (hits,) = client.search(
                name,
                data=[vector],
                anns_field=field,
                limit=min(k, MOST),
                filter=condition,
                output_fields=["passage"],
                search_params={"metric_type": "IP", "params": dict(more or {})},
                timeout=READ,
            )
        return [(int(hit["entity"]["passage"]), float(hit["distance"])) for hit in hits]


def quoted(text: str) -> str:
    """A text as a condition takes it in; half a character, from broken JSON, is no text that could be there."""
    return json.dumps(text.encode("utf-8", "replace").decode("utf-8"), ensure_ascii=False)


def among(field: str, values: Sequence[str]) -> str:
    return f"{field} in [{', '.join(map(quoted, values))}]"
