"""The rules of the house: who may import whom, what stays light, what is written down.

The table of levels is read from docs/architecture.md: change it there.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import string
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rag import errors, words
from rag.words import catalogue

ROOT = Path(__file__).resolve().parent.parent
RAG = ROOT / "rag"
MODULES = sorted(path for path in RAG.rglob("*.py") if "samples" not in path.parts)
HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "faiss",
    "gradio",
    "onnxruntime",
    "sqlalchemy",
    "psycopg",
    "tantivy",
    "cv2",
    "rapidocr",
    "PIL",
    "pymilvus",
)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def each_module() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", MODULES, ids=name_of)


def checkout_files() -> list[Path]:
    """Tracked files, and those that would be tracked by the next `git add`."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode("utf-8")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


# ---------------------------------------------------------------- who may import whom

# Room → its level, the levels and the rooms that it may import, whether rooms of its level may import each other.
Table = dict[str, tuple[int, frozenset[int], frozenset[str], bool]]


@cache
def table() -> tuple[Table, dict[str, str]]:
    """The table's rooms, and for each side room (in brackets) the room that it is a part of."""
    rows: Table = {}
    part_of: dict[str, str] = {}
    for line in (ROOT / "docs/architecture.md").read_text("utf-8").splitlines():
        row = re.match(r"\| (\d) [^|]*\|([^|]*)\|([^|]*)\|$", line)
        if not row:
            continue
        level, may = int(row[1]), row[3]
        spans = re.findall(r"levels? (\d)(?:–(\d))?", may)
        levels = frozenset(n for a, b in spans for n in range(int(a), int(b or a) + 1))
        rooms = frozenset(re.findall(r"`([\w/.]+)`", may))
        for room, side in re.findall(r"`(\w+(?:/|\.py))`(?: \(((?:`\w+(?:/|\.py)` ?)+)\))?", row[2]):
            rows[room] = (level, levels, rooms, "one another" in may)
            part_of.update(dict.fromkeys(re.findall(r"`([^`]+)`", side), room))
    return rows, part_of


def room_of(module: str) -> str | None:
    """The room of a module's dotted name ("rag.search.local" → "search/"); None for the package's own doors."""
    parts = module.split(".")
    if len(parts) == 1 or parts[1] in ("__main__", "__init__"):
        return None
    room = f"{parts[1]}/" if (RAG / parts[1]).is_dir() else f"{parts[1]}.py"
    return table()[1].get(room, room)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(path: Path) -> Iterator[tuple[int, str, bool]]:
    """(line, dotted name, late) of each import that runs; `late`: inside a function."""

    def walk(node: ast.AST, late: bool) -> Iterator[tuple[int, str, bool]]:
        for child in ast.iter_child_nodes(node):
            if is_type_checking(child):
                assert isinstance(child, ast.If)
                for other in child.orelse:
                    yield from walk(other, late)
                continue
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield child.lineno, alias.name, late
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{name_of(path)}:{child.lineno}: write imports in full"
                for alias in child.names:
                    yield child.lineno, f"{child.module}.{alias.name}", late
            yield from walk(child, late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    yield from walk(tree(path), False)


def module_of(name: str) -> str:
    """The module that an imported name stands in: "rag.types.Hit" → "rag.types", "rag.open" → "rag.library"."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:n])
        if path.with_suffix(".py").is_file() or (path.is_dir() and (path / "__init__.py").is_file()):
            break
    if n > 1 or len(parts) == 1:
        return ".".join(parts[:n])
    import rag

    return rag._HOMES.get(parts[1], "rag.types") if parts[1] in rag.__all__ and parts[1] != "__version__" else "rag"


def test_every_room_stands_in_the_table() -> None:
    rooms = {room_of(".".join(path.relative_to(ROOT).with_suffix("").parts)) for path in MODULES} - {None}
    assert rooms - set(table()[0]) == set(), "add it to the table in docs/architecture.md"


@each_module()
def test_imports_go_one_way(path: Path) -> None:
    rows, _ = table()
    here = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    wrong = []
    for line, name, _ in imports(path):
        if name.split(".")[0] != "rag":
            continue
        there = room_of(module_of(name))
        if there is None or there == here:
            continue
        if there not in rows or here not in (None, *rows):
            continue  # the test above says so
        if here is None:  # rag/__init__.py and rag/__main__.py open doors, they do nothing themselves
            allowed = there in ("cli/", "library.py") or rows[there][0] == 0
        else:
            level, levels, rooms, one_another = rows[here]
            its_level = rows[there][0]
            allowed = its_level in levels or there in rooms or (one_another and its_level == level)
        if not allowed:
            wrong.append(f"{name_of(path)}:{line}: {here} may not import {there} ({name})")
    assert not wrong, "\n".join(wrong)


def test_heavy_packages_wait_until_they_are_needed() -> None:
    """No door loads one by the imports at the top of modules: those that need one at their top are imported late."""
    early: dict[str, list[tuple[str, str]]] = {}
    for path in MODULES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        early[name] = [(f"{name_of(path)}:{line}", what) for line, what, late in imports(path) if not late]
    waiting, seen, wrong = ["rag", "rag.cli", "rag.cli.commands", "rag.library", "rag.chat"], set(), []
    while waiting:
        name = waiting.pop()
        if name in seen or name not in early:
            continue
        seen.add(name)
        waiting.append(name.rpartition(".")[0])
        for place, what in early[name]:
            if what.split(".")[0] in HEAVY:
                wrong.append(f"{place}: {what}")
            elif what.split(".")[0] == "rag":
                waiting.append(module_of(what))
    assert not wrong, "\n".join(wrong)


LIGHT = """
import contextlib, io, json, sys
{do}
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})))
"""
HELP = """
from rag.cli import main
with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
    main(["--help"])
assert "ask" in printed.getvalue(), printed.getvalue()
"""


def modules_after(do: str) -> set[str]:
    """Top-level packages that a fresh Python has loaded after these lines."""
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(do=do)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


NAMES = "import rag; rag.Error, rag.Reply"


@pytest.mark.parametrize("do", ["import rag", NAMES, HELP], ids=["import", "names", "help"])
def test_starting_loads_nothing_heavy(do: str) -> None:
    assert modules_after(do) & set(HEAVY) == set()


ASK = """
from rag.cli import run
import pathlib
pathlib.Path("一.md").write_text("# 萤火虫\\n\\n萤火虫的光几乎不发热，发光的效率超过九成。", encoding="utf-8")
with contextlib.redirect_stdout(io.StringIO()) as printed:
    assert run(["add", "一.md"]) == 0
    assert run(["ask", "萤火虫的光热不热？", "--json"]) == 0
"""


def test_asking_loads_neither_torch_nor_the_chat() -> None:
    loaded = modules_after(ASK)
    assert "onnxruntime" in loaded
    assert loaded & {"torch", "transformers", "sentence_transformers", "gradio"} == set()


def test_every_imported_package_is_declared() -> None:
    """A package that comes along with another today may stay away tomorrow."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    core = {canonicalize_name(Requirement(r).name) for r in project["dependencies"]}
    extras = {
        canonicalize_name(Requirement(r).name)
        for extra in ("models", "server", "gguf", "mcp", "cluster", "otel")
        for r in project["optional-dependencies"][extra]
    }
    homes = importlib.metadata.packages_distributions()
    wrong = []
    for path in [*MODULES, ROOT / "app.py"]:
        for line, name, late in imports(path):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top == "rag":
                continue
            dists = {canonicalize_name(d) for d in homes.get(top, [top])}
            if not (dists & core or (late and dists & extras)):
                wrong.append(f"{name_of(path)}:{line}: {top} ({', '.join(sorted(dists))})")
    assert not wrong, "not in pyproject's dependencies:\n" + "\n".join(wrong)


@each_module()
def test_a_module_fits_in_the_head(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= 500, f"{name_of(path)} has {lines} lines: look for the second thing in it"


@each_module()
def test_a_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(tree(path))
    if path.name == "__main__.py" or "versions" in path.parts or not path.read_text("utf-8").strip():
        return
    assert docstring, f"{name_of(path)} has no docstring"


# ---------------------------------------------------------------- words


def error_kinds() -> list[type[errors.Error]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Error)]
    assert len(kinds) > 10
    return kinds


@pytest.mark.parametrize("kind", error_kinds(), ids=lambda kind: kind.__name__)
def test_every_error_says_what_is_wrong_and_what_to_do(kind: type[errors.Error]) -> None:
    for language in words.LANGUAGES:
        for part in ("what", "remedy"):
            assert catalogue(language).get(f"errors.{kind.key}.{part}"), f"{language}: errors.{kind.key}.{part}"


def test_every_error_has_a_key_of_its_own() -> None:
    keys = [kind.key for kind in error_kinds()]
    assert len(keys) == len(set(keys))


def test_no_words_are_kept_for_an_error_that_is_gone() -> None:
    kept = {key.split(".")[1] for key in catalogue("zh") if key.startswith("errors.")}
    assert kept == {kind.key for kind in error_kinds()}


def test_errors_stand_in_the_docs() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import docs
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    assert (ROOT / "docs/errors.md").read_text("utf-8") == docs.errors(), "run `make docs`"


def test_languages_say_the_same_things() -> None:
    first = catalogue(words.LANGUAGES[0])
    for language in words.LANGUAGES[1:]:
        assert set(catalogue(language)) == set(first), f"{language}.json differs from {words.LANGUAGES[0]}.json"


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_languages_fill_in_the_same_fields() -> None:
    first = catalogue(words.LANGUAGES[0])
    differ = [f"{language}: {key}" for language in words.LANGUAGES[1:] for key in catalogue(language)
              if key in first and fields(catalogue(language)[key]) != fields(first[key])]  # fmt: skip
    assert not differ, "\n".join(differ)


def said(node: ast.AST) -> tuple[set[str], set[str]]:
    """Constants, and patterns of f-strings, anywhere below a node."""
    inside = {part for n in ast.walk(node) if isinstance(n, ast.JoinedStr) for part in n.values}
    constants = {n.value for n in ast.walk(node)
                 if isinstance(n, ast.Constant) and isinstance(n.value, str) and n not in inside}  # fmt: skip
    patterns = set()
    for n in ast.walk(node):
        if isinstance(n, ast.JoinedStr):
            patterns.add("".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"\w+" for p in n.values))
    return constants, patterns


def test_every_key_that_is_said_exists() -> None:
    keys, wrong = catalogue("zh"), []
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "say" and node.args):
                continue
            first = node.args[0]
            choices = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
            for choice in choices:
                if isinstance(choice, ast.Constant) and choice.value not in keys:
                    wrong.append(f"{name_of(path)}:{node.lineno}: {choice.value}")
                if isinstance(choice, ast.JoinedStr):
                    (pattern,) = said(choice)[1]
                    if not any(re.fullmatch(pattern, key) for key in keys):
                        wrong.append(f"{name_of(path)}:{node.lineno}: {ast.unparse(choice)}")
    assert not wrong, "no such words:\n" + "\n".join(wrong)


def test_no_words_are_left_over() -> None:
    """Used: said by its whole key, by an f-string that fits it, or given away with all below a prefix ("chat.")."""
    constants, patterns = set(), set()
    for path in [*MODULES, ROOT / "app.py"]:
        more, shapes = said(tree(path)) if path.is_file() else (set(), set())
        constants |= more
        patterns |= {shape for shape in shapes if re.match(r"[a-z_]+\\\.", shape)}
    assets = "\n".join(p.read_text("utf-8") for p in RAG.rglob("*") if p.suffix in (".js", ".html"))
    prefixes = tuple(c for c in constants if re.fullmatch(r"(?:[a-z_]+\.)+", c))
    unused = [key for key in catalogue("zh")
              if not (key in constants or key.startswith(prefixes or ("\0",)) or key in assets
                      or any(re.fullmatch(pattern, key) for pattern in patterns))]  # fmt: skip
    assert not unused, "\n".join(unused)


# ---------------------------------------------------------------- settings

OFFLINE_SWITCHES = ("ORT_DISABLE_TELEMETRY", "HF_", "GRADIO_", "TRANSFORMERS_", "TOKENIZERS_", "DISABLE_TELEMETRY")


def environment_uses(path: Path) -> Iterator[tuple[int, bool]]:
    """(line, whether it only sets an offline switch of another package) of each touch of the environment."""
    setters = set()
    for node in ast.walk(tree(path)):
        key: ast.AST | None = None
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "os.environ.setdefault":
            key = node.args[0]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("os.environ["):
            target = node.targets[0]
            assert isinstance(target, ast.Subscript)
            key = target.slice
        if isinstance(key, ast.Constant) and str(key.value).startswith(OFFLINE_SWITCHES):
            setters.add(node.lineno)
    for node in ast.walk(tree(path)):
        written = isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb")
        imported = isinstance(node, ast.ImportFrom) and node.module == "os" and any(
            alias.name in ("environ", "getenv") for alias in node.names)  # fmt: skip
        if written or imported:
            yield node.lineno, node.lineno in setters


def test_the_environment_is_read_in_one_module() -> None:
    """rag/__init__.py and one room may set switches of other packages, before they are imported."""
    reads, switches = [], set()
    for path in [*MODULES, ROOT / "app.py"]:
        if path == RAG / "settings.py":
            continue
        for line, only_a_switch in environment_uses(path):
            if only_a_switch:
                switches.add("rag/__init__.py" if path == RAG / "__init__.py" else name_of(path.parent))
            else:
                reads.append(f"{name_of(path)}:{line}")
    assert not reads, "the environment is read in settings.py alone:\n" + "\n".join(reads)
    assert len(switches - {"rag/__init__.py"}) <= 1, f"set switches of other packages in one room: {sorted(switches)}"


def test_no_package_is_left_to_report_its_use() -> None:
    """onnxruntime asks the environment once, while it is imported; any import of ours comes before."""
    modules = """
import os; os.environ.pop("ORT_DISABLE_TELEMETRY", None)
import rag.text; assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
"""
    assert "onnxruntime" not in modules_after(modules)


def test_every_setting_is_written_down() -> None:
    named = {c for path in MODULES for c in said(tree(path))[0] if re.fullmatch(r"RAG_[A-Z_]+", c)}
    assert "RAG_LIBRARY" in named
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    told = "\n".join(page.read_text("utf-8") for page in pages if page.is_file())
    assert {name for name in named if name not in told} == set(), "write it into README.md or docs/"


# ---------------------------------------------------------------- what lies in the checkout

# Written in pieces, so that this file does not hold them.
NOT_NAMED = [
    *("pypi" + ".org", "pypi" + ".python.org", "python" + "hosted.org", "download." + "pytorch.org"),
    *("registry." + "npmjs", "deb." + "debian.org", "/" + "work/", "/" + "opt/w", "/" + "root/"),
]


def test_no_registry_and_no_path_of_a_machine_is_named() -> None:
    found = []
    for path in checkout_files():
        content = path.read_bytes()
        if b"\0" in content[:4096]:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            found += [f"{name_of(path)}:{number}: {name}" for name in NOT_NAMED if name in line]
    assert not found, "\n".join(found[:50])


def test_built_in_models_stay_small() -> None:
    sizes = {name_of(p): p.stat().st_size / 1e6 for p in checkout_files() if p.is_relative_to(ROOT / "embeddings")}
    assert sizes, "no model in embeddings/"
    assert {name: f"{size:.1f} MB" for name, size in sizes.items() if size >= 40} == {}
    assert sum(sizes.values()) <= 80, f"{sum(sizes.values()):.1f} MB in all"


def test_licences_travel_with_the_code() -> None:
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text("utf-8")
    notice = (ROOT / "NOTICE").read_text("utf-8")
    assert "multilingual-e5-small" in notice
    assert "MIT License" in notice


# ---------------------------------------------------------------- the tests themselves


def test_no_test_reaches_another_machine() -> None:
    import socket

    from conftest import OffTheMachine

    with socket.socket() as plug, pytest.raises(OffTheMachine):
        plug.connect(("192.0.2.1", 80))
    with pytest.raises(OffTheMachine):
        socket.getaddrinfo("example.org", 443)
    with socket.socket() as server, socket.socket() as plug:
        server.bind(("127.0.0.1", 0))
        server.listen()
        plug.connect(server.getsockname())


def test_no_test_touches_the_users_data(users_data: Path) -> None:
    from rag import settings

    assert settings.load().library.is_relative_to(users_data)
    assert Path.home().is_relative_to(users_data)
    assert Path.cwd().is_relative_to(users_data)
