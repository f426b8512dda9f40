"""A path comes in, what is written in it goes out: `files_in` walks, `read` reads one file, `read_all` an archive too.

A reader a family of formats; each gives a Document of blocks or of records, or refuses the file with a reason
in plain words. Files are hostile: sizes are looked at before bytes, nothing leaves the folder that was given.
"""

from __future__ import annotations

from rag.reading.files import files_in, read, read_all

__all__ = ["files_in", "read", "read_all"]
