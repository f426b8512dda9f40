"""What programs may say of an answer, and the figures that editors alone may read: over HTTP and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import served

import rag
from rag.cli import run

ASKED = "夜校的学员共有多少人？"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rag.Library]:
    folder = tmp_path_factory.mktemp("desk-api")
    (folder / "夜校.txt").write_text("# 夜校开班\n\n夜校开设了编织课程，学员共有45人。\n", "utf-8")
    with rag.open(folder / "library") as opened:
        opened.add([folder / "夜校.txt"])
        yield opened


@pytest.fixture(scope="module")
def http(library: rag.Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        served(library, tmp_path_factory.mktemp("uploads")) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as client,
    ):
        yield client


def test_an_answer_comes_with_the_key_under_which_it_is_thought_well_or_ill_of(
    http: httpx.Client, library: rag.Library
) -> None:
    answer = http.post("/api/ask", json={"question": ASKED}).json()
    told = http.post("/api/feedback", json={"noted": answer["noted"], "helpful": False, "why": "人数不对"})
    assert told.status_code == 200
    (asked,) = [a for a in library.desk.questions.between() if a.key == answer["noted"]]
    assert (asked.origin, asked.outcome, asked.vote, asked.why, asked.asker) == ("api", "answered", -1, "人数不对", "")
    handed = http.post("/api/feedback", json={"noted": answer["noted"], "handed": True}).json()
    assert handed == {"number": asked.number, "helpful": None, "handed": True}


def test_a_key_that_is_none_is_refused(http: httpx.Client) -> None:
    assert http.post("/api/feedback", json={"noted": "guess", "helpful": True}).status_code == 404
    assert http.post("/api/feedback", json={"helpful": True}).status_code == 400


@pytest.mark.parametrize(("form", "kind"), [("json", "application/json"), ("csv", "text/csv"), ("html", "text/html")])
def test_figures_come_as_json_as_a_table_and_as_a_page(http: httpx.Client, form: str, kind: str) -> None:
    http.post("/api/ask", json={"question": ASKED})
    told = http.get("/api/figures", params={"form": form, "from": "2020-01-01", "to": ""})
    assert told.status_code == 200
    assert told.headers["content-type"].startswith(kind)
    assert http.get("/api/figures", params={"from": "yesterday"}).status_code == 400


def test_readers_may_say_what_they_think_but_not_read_the_figures(library: rag.Library, tmp_path: Path) -> None:
    with served(library, tmp_path, at_home=False) as address, httpx.Client(base_url=address, trust_env=False) as reader:
        answer = reader.post("/api/ask", json={"question": ASKED}, timeout=60).json()
        assert reader.post("/api/feedback", json={"noted": answer["noted"], "helpful": True}).status_code == 200
        assert reader.get("/api/figures").status_code == 403


def test_the_command_line_tells_the_figures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with rag.open(tmp_path / "library") as library:
        library.desk.questions.note(rag.Reply(ASKED, "", refused=True, reason="no_evidence"))
    where = ["--library", str(tmp_path / "library")]
    assert run(["figures", "--json", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["all"]["questions"] == 1
    assert told["reasons"] == {"no_evidence": 1}
    assert run(["figures", *where]) == 0
    assert ASKED in capsys.readouterr().out
    assert run(["figures", "--csv", *where]) == 0
    assert capsys.readouterr().out.startswith("类别,名称")
    assert run(["figures", "--from", "gestern", *where]) == 2
