"""The command line: words come in, `library.py` does the work, lines for people or JSON go out.

`main` is the one place that turns errors into words and exit codes; commands raise and never print errors.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(words: Sequence[str] | None = None) -> None:
    """Runs one command and leaves with the contract's exit code."""
    sys.exit(run(list(sys.argv[1:] if words is None else words)))


def run(words: list[str]) -> int:
    """Runs one command; its exit code. Errors become one or two lines on standard error."""
    import typer

    from rag import settings
    from rag.cli.printing import complain, speak_utf8
    from rag.errors import Error
    from rag.words import speak

    speak_utf8()
    usage_error = typer.BadParameter.__mro__[1]  # click's UsageError, wherever this typer keeps it
    debug = False
    try:
        chosen = settings.load()
        debug = chosen.debug
        speak(chosen.language)
        from rag.cli.commands import app

        command = typer.main.get_command(app)
        result = command.main(args=in_place(words), prog_name="rag", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except Error as error:
        if debug:
            raise
        complain(error)
        return error.exit_code
    except typer.Exit as leave:
        return leave.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # the reader of our output has gone: nothing left to say, and nowhere
        sys.stderr.close()
        return 0
    except Exception as error:
        if debug:
            raise
        from rag import errors

        if isinstance(error, usage_error):
            complain(wrong_usage(error))
            return 2
        if isinstance(error, OSError) and error.errno == 28:
            complain(errors.DiskFull(path=error.filename or ""))
            return errors.DiskFull.exit_code
        if isinstance(error, PermissionError):
            complain(errors.NoPermission(path=error.filename or ""))
            return errors.NoPermission.exit_code
        complain(Error(detail=f"{type(error).__name__}: {error}"))
        return 1


def in_place(words: Sequence[str]) -> list[str]:
    """`--search MILVUS` and `--library DIR` may stand anywhere: the one belongs to `rag` itself and goes before the
    command's name, the other to the command and goes behind it."""
    end = words.index("--") if "--" in words else len(words)
    first, ours = _taken("--search", list(words[:end]))
    last, ours = _taken("--library", ours)
    return [*first, *ours, *last, *words[end:]]


def _taken(option: str, words: list[str]) -> tuple[list[str], list[str]]:
    """The option with its value, and the words without them."""
    at = next((i for i, word in enumerate(words) if word == option or word.startswith(f"{option}=")), len(words))
    end = at + (2 if words[at : at + 1] == [option] else 1)
    return words[at:end], words[:at] + words[end:]


def wrong_usage(error: Exception) -> Exception:
    """Click's complaint in our words: which option, argument or command is wrong or missing."""
    from rag.errors import Usage
    from rag.words import say

    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "rag"
    kind = type(error).__name__
    if kind == "NoSuchOption":
        what = say("cli.usage.no_such_option", name=getattr(error, "option_name", ""))
    elif kind == "MissingParameter":
        param = getattr(error, "param", None)
        what = say("cli.usage.missing", name=str(getattr(param, "name", "") or "").upper())
    elif kind == "BadParameter":
        param = getattr(error, "param", None)
        what = say("cli.usage.bad_value", name=(param.opts[-1] if param is not None and param.opts else ""))
    else:
        what = say("cli.usage.wrong", detail=getattr(error, "message", str(error)))
    return Usage(what=what, remedy=say("cli.usage.remedy", path=path))
