"""A reason for a person, as an exception: readers raise it without knowing the file's name."""
from __future__ import annotations

from rag.words import say


class Unreadable(Exception):
    """Raised inside `reading`; `files.read` makes a FileRefused of it. `key` stands in words/*.json under `reading`."""

    def __init__(self, key: str, /, **fields: object) -> None:
        self.key, self.fields = key, fields
        super().__init__(say(f"reading.{key}", **fields))
