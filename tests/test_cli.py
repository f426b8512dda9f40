"""The command line as the contract has it: exit codes, one JSON object a line, errors in two lines."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from rag.cli import in_place, run

PAGE = """# 青溪县科协办起夜校

2025年3月8日，青溪县科协在文化馆办起科普夜校，首期招收学员126人，每周二、周四晚上课。

夜校开设急救、果树修剪、手机使用三门课，由县医院和农技站的12名志愿者授课。（何晓舟）
"""


@pytest.fixture
def shelf(tmp_path: Path) -> str:
    return str(tmp_path / "library")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.txt"
    path.write_text(PAGE, "utf-8")
    return path


@pytest.fixture
def filled(shelf: str, page: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["add", str(page), "--library", shelf]) == 0
    capsys.readouterr()
    return shelf


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_adding_gives_a_receipt_for_each_file(shelf: str, page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["add", str(page), "--json", "--library", shelf]) == 0
    (receipt,) = lines(capsys)
    assert receipt["file"] == "page.txt" and receipt["status"] == "added" and receipt["articles"] == 1
    assert set(receipt) == {
        "file",
        "status",
        "reason",
        "encoding",
        "pages",
        "ocr_pages",
        "characters",
        "articles",
        "passages",
        "garbled",
        "duplicates",
        "seconds",
    }
    assert run(["add", str(page), "--json", "--library", shelf]) == 0
    assert lines(capsys)[0]["status"] == "unchanged"
    page.write_text(PAGE.replace("126", "128"), "utf-8")
    assert run(["add", str(page), "--json", "--library", shelf]) == 0
    assert lines(capsys)[0]["status"] == "replaced"
    assert run(["ask", "夜校首期招收了多少学员?", "--json", "--library", shelf]) == 0
    answer = str(lines(capsys)[0]["answer"])
    assert "128人" in answer and "126" not in answer


def test_an_answer_cites_the_articles_own_words(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "青溪县科普夜校首期招收了多少学员?", "--json", "--library", filled]) == 0
    (reply,) = lines(capsys)
    assert "126人" in str(reply["answer"]) and reply["short_answer"] == "126人" and reply["refused"] is False
    assert set(reply) >= {
        "id",
        "question",
        "rewritten",
        "answer",
        "short_answer",
        "refused",
        "reason",
        "confidence",
        "citations",
        "nearest",
        "conflicts",
        "engine",
        "seconds",
    }
    (citation,) = reply["citations"]  # type: ignore[misc]
    assert run(["show", citation["article_id"], "--json", "--library", filled]) == 0
    (article,) = lines(capsys)
    assert str(article["text"])[citation["start"] : citation["end"]] == citation["quote"]
    assert f"[{citation['n']}]" in str(reply["answer"])


def test_a_batch_keeps_its_order_also_where_a_line_fails(
    filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_text(
        '{"id": 1, "question": "夜校每周哪天上课"}\nno json\n{"id": 3, "question": ""}\n'
        '{"id": 4}\n{"id": 5, "question": "夜校招收多少人", "history": 7}\n{"id": 6, "question": "谁来授课"}\n',
        "utf-8",
    )
    assert run(["ask", "--batch", str(batch), "--json", "--library", filled]) == 0
    rows = lines(capsys)
    assert [r["id"] for r in rows] == [1, None, 3, 4, 5, 6]
    kinds = [r["error"]["kind"] if "error" in r else None for r in rows]  # type: ignore[index]
    assert kinds == [None, "bad_batch_line", "empty_question", "bad_batch_line", "bad_batch_line", None]


def test_reading_uses_the_passages_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = tmp_path / "batch.jsonl"
    passages = ["稻田里养鱼，鱼吃害虫，粪便肥田。", "夜校首期招收学员126人，每周二、周四晚上课。"]
    batch.write_text(json.dumps({"id": "a", "question": "夜校招收了多少学员?", "passages": passages}), "utf-8")
    assert run(["read", "--json", "--batch", str(batch)]) == 0
    (reply,) = lines(capsys)
    (citation,) = reply["citations"]  # type: ignore[misc]
    assert citation["passage"] == 1 and passages[1][citation["start"] : citation["end"]] == citation["quote"]
    assert "126" in str(reply["answer"])


def test_removing_leaves_nothing_to_be_found(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["remove", "page.txt", "没有这个", "--json", "--library", filled]) == 3
    gone, unknown = lines(capsys)
    assert (gone["status"], gone["articles"], gone["left"]) == ("removed", 1, 0) and unknown["status"] == "unknown"
    assert run(["ask", "夜校招收了多少学员?", "--json", "--library", filled]) == 3
    assert lines(capsys)[0]["reason"] == "empty_library"


def test_export_lists_and_searches_agree(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--json", "--library", filled]) == 0
    (article,) = lines(capsys)
    assert set(article) == {"article_id", "source", "title", "author", "date", "page", "column", "text"}
    assert run(["list", "--json", "--library", filled]) == 0
    assert lines(capsys)[0]["article_id"] == article["article_id"]
    assert run(["list", "--documents", "--json", "--library", filled]) == 0
    assert lines(capsys)[0]["source"] == "page.txt"
    assert run(["search", "夜校有哪些课", "--json", "--library", filled]) == 0
    hit = lines(capsys)[0]["hits"][0]  # type: ignore[index]
    assert str(article["text"])[hit["start"] : hit["end"]] == hit["text"] and set(hit["why"]) == {
        "lexical",
        "vector",
        "rerank",
        "matched",
    }


def test_a_backup_comes_back_whole(filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "backup.zip"
    assert run(["backup", str(file), "--library", filled]) == 0
    other = str(tmp_path / "other")
    assert run(["restore", str(file), "--library", other]) == 0
    assert run(["check", "--library", other]) == 0
    capsys.readouterr()
    assert run(["ask", "夜校首期招收了多少学员?", "--json", "--library", other]) == 0
    assert "126" in str(lines(capsys)[0]["answer"])


# ---------------------------------------------------------------- bad input: a name, a remedy, an exit code


@pytest.mark.parametrize(
    ("question", "kind"), [("", "还没有写问题"), ("？！ 　", "还没有写问题"), ("水" * 10_000, "问题太长")]
)
def test_a_question_that_is_none(filled: str, question: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", question, "--library", filled]) == 2
    told = capsys.readouterr().err.splitlines()
    assert kind in told[0] and len(told) == 2


@pytest.mark.parametrize("words", [["ask", "水稻"], ["search", "水稻"], ["list"], ["export"], ["check"]])
def test_an_empty_library_is_said_to_be_empty(shelf: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--library", shelf]) == 3
    assert "资料库还是空的" in capsys.readouterr().err
    assert not Path(shelf).exists()  # asking makes no folder


def test_a_missing_path_adds_nothing(shelf: str, page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["add", str(page), "没有的文件夹", "--library", shelf]) == 3
    assert "没有的文件夹" in capsys.readouterr().err
    assert run(["list", "--json", "--library", shelf]) == 0
    assert lines(capsys) == []


def test_a_refused_file_stops_no_other(
    shelf: str, page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "noise.txt").write_bytes(bytes(range(256)) * 20)
    assert (
        run(["add", str(tmp_path / "empty.txt"), str(page), str(tmp_path / "noise.txt"), "--json", "--library", shelf])
        == 4
    )
    assert [r["status"] for r in lines(capsys)] == ["refused", "added", "refused"]


def test_a_corrupt_database_is_named_with_its_remedy(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    database = Path(filled) / "library.db"
    database.write_bytes(b"SQLite format 3\x00" + b"\x07" * 8000)
    for name in ("library.db-wal", "library.db-shm"):
        (Path(filled) / name).unlink(missing_ok=True)
    assert run(["ask", "夜校招收了多少学员?", "--library", filled]) == 5
    told = capsys.readouterr().err
    assert "读不出来" in told and "rag restore" in told
    assert run(["check", "--library", filled]) == 5


def test_a_library_of_another_embedding_model_is_refused_by_name(
    filled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(Path(filled) / "library.db") as database:
        changed = database.execute(
            "update settings set value = ? where name = 'embedding'", ('"bge-small-zh-v1.5@1234"',)
        )
        assert changed.rowcount == 1
    database.close()
    assert run(["ask", "夜校招收了多少学员?", "--library", filled]) == 6
    assert "bge-small-zh-v1.5" in capsys.readouterr().err
    assert run(["check", "--repair", "--library", filled]) == 0
    assert run(["ask", "夜校首期招收了多少学员?", "--library", filled]) == 0
    assert "126" in capsys.readouterr().out


def test_a_model_folder_that_is_none(filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model").mkdir()
    assert run(["ask", "夜校招收了多少学员?", "--engine", str(tmp_path / "model"), "--library", filled]) == 6
    assert str(tmp_path / "model") in capsys.readouterr().err


def test_an_embedding_folder_that_is_none(
    shelf: str, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("RAG_EMBEDDING", str(tmp_path / "model"))
    assert run(["add", str(page), "--library", shelf]) == 6
    assert str(tmp_path / "model") in capsys.readouterr().err


@pytest.mark.parametrize("words", [["ask", "--nonsense"], ["nonsense"], ["search", "水", "-k", "0"], ["show"], ["add"]])
def test_wrong_usage_is_told_in_words(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    told = capsys.readouterr().err
    assert told.strip() and "Traceback" not in told and len(told.splitlines()) <= 2


def test_a_file_where_the_library_should_be(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "夜校招收了多少学员?", "--library", str(page)]) == 5
    assert "不是资料库" in capsys.readouterr().err


def test_errors_speak_english_where_asked(
    shelf: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RAG_LANG", "en")
    assert run(["ask", "水稻", "--library", shelf]) == 3
    assert "The library is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("--library L ask 问", "ask 问 --library L"),
        ("--library=L people add 张三 --role editor", "people add 张三 --role editor --library=L"),
        ("ask --library L 问 --search milvus:x.db", "--search milvus:x.db ask 问 --library L"),
        ("--library L ask -- --library", "ask --library L -- --library"),
        ("list --library", "list --library"),
        ("--help", "--help"),
    ],
)
def test_the_library_is_named_anywhere(written: str, meant: str) -> None:
    assert in_place(written.split()) == meant.split()


def test_the_library_may_be_named_before_the_command(page: Path, shelf: str) -> None:
    assert run(["--library", shelf, "add", str(page)]) == 0
    assert run(["--library", shelf, "ask", "夜校首期招收多少学员？"]) == 0
