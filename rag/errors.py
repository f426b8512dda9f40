"""All errors a user can meet, one tree, named after what can be done about them.

    Error
    ├─ Usage            2  the command or the question is wrong
    │  ├─ EmptyQuestion · QuestionTooLong · BadBatchLine · BadSetting · NameTaken · PasswordTooShort
    │  ├─ NotEmpty · NoQueue
    ├─ NothingThere     3  an empty library, an unknown name
    │  ├─ EmptyLibrary · UnknownName · PathMissing
    ├─ FileRefused      4  one input can't be read; the others go in
    ├─ LibraryDamaged   5  the database can't be read
    │  ├─ LibraryNewer     made by a newer version
    │  ├─ NotALibrary      a file, or a folder of something else
    │  ├─ MoveUnfinished   `rag move` was interrupted on the way there
    │  └─ OtherEmbedding   embedded by a model that is not here
    ├─ ModelUnusable    6  no model there, or none that can be used
    │  ├─ ModelsNotInstalled · PackageMissing
    │  └─ ServerUnusable · PullFailed
    ├─ LibraryLocked    7  another process is writing
    ├─ SearchUnreachable · SearchRefuses · SearchNotInstalled   2  Milvus, which finds passages
    ├─ TracesNotInstalled   2  what sends traces is missing
    ├─ SignInNeeded · SignInRefused · NotAllowed · TooMany · TooLarge   2  the server will not have it
    ├─ ServerUnreachable · ServerRefuses · ClusterNotInstalled   2  the database of a library on a server
    └─ DiskFull · NoPermission · PortTaken   2  the machine will not have it

Words stand in `words/*.json` under `errors.<key>`: `what` is wrong and the `remedy`.
"""

from __future__ import annotations

from rag.words import say


class Error(Exception):
    """Base of all. `what` and `remedy` are sentences for a person; `exit_code` as the contract has it."""

    key = "error"
    exit_code = 2

    def __init__(self, /, **fields: object) -> None:
        self.fields = fields
        super().__init__(self.what)

    @property
    def what(self) -> str:
        return say(f"errors.{self.key}.what", **self.fields)

    @property
    def remedy(self) -> str:
        return say(f"errors.{self.key}.remedy", **self.fields)

    def __str__(self) -> str:
        return f"{self.what}\n{self.remedy}"

    def to_json(self) -> dict[str, str]:
        return {"kind": self.key, "message": f"{self.what}{self.remedy}"}


class Usage(Error):
    """Wrong use that has no name of its own; fields: what, remedy."""

    key = "usage"


class EmptyQuestion(Usage):
    """A question of nothing but space and punctuation."""

    key = "empty_question"


class QuestionTooLong(Usage):
    """Fields: length, limit (characters)."""

    key = "question_too_long"


class BadBatchLine(Usage):
    """A line of a batch that is not the JSON it should be. Fields: line, why."""

    key = "bad_batch_line"


class BadSetting(Usage):
    """Fields: name, value, allowed."""

    key = "bad_setting"


class NameTaken(Usage):
    """Another account has that name. Fields: name."""

    key = "name_taken"


class PasswordTooShort(Usage):
    """Fields: least, most (characters)."""

    key = "password_too_short"


class NotEmpty(Usage):
    """`rag move` to a place that holds another library. Fields: library."""

    key = "not_empty"


class NoQueue(Usage):
    """`rag work` for a library in a folder. Fields: library."""

    key = "no_queue"


class NothingThere(Error):
    key = "nothing_there"
    exit_code = 3


class EmptyLibrary(NothingThere):
    """Nothing has been added yet. Fields: library."""

    key = "empty_library"


class UnknownName(NothingThere):
    """No document, article or model of that name. Fields: name."""

    key = "unknown_name"


class PathMissing(NothingThere):
    """A path given to `add` that is not there. Fields: path."""

    key = "path_missing"


class FileRefused(Error):
    """A file that can't become articles. Fields: file, reason."""

    key = "file_refused"
    exit_code = 4


class LibraryDamaged(Error):
    """The database can't be read or contradicts itself. Fields: library, detail."""

    key = "library_damaged"
    exit_code = 5


class LibraryNewer(LibraryDamaged):
    """Made by a newer version. Fields: library, theirs, ours."""

    key = "library_newer"


class NotALibrary(LibraryDamaged):
    """The path is a file or holds something else. Fields: library."""

    key = "not_a_library"


class MoveUnfinished(LibraryDamaged):
    """A library is being moved there and not all of it has come. Fields: library."""

    key = "move_unfinished"


class OtherEmbedding(LibraryDamaged):
    """Embedded by a model that is not in use. Fields: library, theirs, ours."""

    key = "other_embedding"
    exit_code = 6


class ModelUnusable(Error):
    """A model's folder, file or id that can't be used. Fields: model, why."""

    key = "model_unusable"
    exit_code = 6


class ModelsNotInstalled(ModelUnusable):
    """The packages for language models are not installed. Fields: model."""

    key = "models_not_installed"


class PackageMissing(ModelUnusable):
    """One package that this kind of model needs is not installed. Fields: model, package, extra."""

    key = "package_missing"


class ServerUnusable(ModelUnusable):
    """A server of language models that does not answer, or not as it should. Fields: model, why."""

    key = "server_unusable"


class PullFailed(ModelUnusable):
    """A model that could not be loaded from a hub. Fields: model, why."""

    key = "pull_failed"


class LibraryLocked(Error):
    """Another process is writing. Fields: library."""

    key = "library_locked"
    exit_code = 7


class SignInNeeded(Error):
    """The server answers people with an account, or programs with a key, alone."""

    key = "sign_in_needed"


class SignInRefused(Error):
    """No account of that name with that password."""

    key = "sign_in_refused"


class NotAllowed(Error):
    """Readers can't change the library."""

    key = "not_allowed"


class TooMany(Error):
    """Too many requests in a short time. Fields: seconds, after which to ask again."""

    key = "too_many"


class TooLarge(Error):
    """More was sent than one request may hold. Fields: megabytes."""

    key = "too_large"


class ServerUnreachable(Error):
    """Nobody answers at the database's address, or the connection was lost. Fields: library, detail."""

    key = "server_unreachable"


class ServerRefuses(Error):
    """The database's server answers, but lets this account or this name not in. Fields: library, detail."""

    key = "server_refuses"


class ClusterNotInstalled(Error):
    """The package that speaks with PostgreSQL is not installed. Fields: library."""

    key = "cluster_not_installed"


class SearchUnreachable(Error):
    """Milvus does not answer at its address. Fields: search, detail."""

    key = "search_unreachable"


class SearchRefuses(Error):
    """Milvus answers, but not what it is asked: a wrong account, database or version. Fields: search, detail."""

    key = "search_refuses"


class SearchNotInstalled(Error):
    """The package that speaks with Milvus is not installed. Fields: search."""

    key = "search_not_installed"


class TracesNotInstalled(Error):
    """The packages that send traces are not installed. Fields: collector."""

    key = "traces_not_installed"


class DiskFull(Error):
    """Fields: path."""

    key = "disk_full"


class NoPermission(Error):
    """Fields: path."""

    key = "no_permission"


class PortTaken(Error):
    """Fields: host, port."""

    key = "port_taken"
