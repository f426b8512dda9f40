"""The library for other programs: the real server, asked by the real `openai` client and by plain requests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import built, served

import rag
from rag import errors
from rag.api import completions, own, route
from rag.chat import server
from rag.types import Piece, Turn

ASKED = "青岭县气象站有多少名职工？"
FILES = {
    "青岭日报-20250305.txt": "# 青岭县气象站建成投用\n\n青岭县气象站有12名职工，每天发布两次天气预报。站长李明说，明年还要再添一套设备。\n",
    "柳溪日报-20250312.txt": "# 柳溪镇茶园改造\n\n柳溪镇把300亩老茶园改造成了生态茶园，今年春茶产量增加两成。\n",
}


class Slow:
    """The library, but for questions that begin with 慢, which are written until `go` is set or somebody stops them."""

    def __init__(self, library: rag.Library) -> None:
        self.library, self.go, self.stopped, self.writing = library, threading.Event(), threading.Event(), 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, name)

    def ask(self, question: str, **more: Any) -> Any:
        if question.startswith("坏"):
            raise ZeroDivisionError("secret")
        if not question.startswith("慢"):
            return self.library.ask(question, **more)
        pieces = self.slow(more["stop"])
        return pieces if more.get("stream") else list(pieces)[-1].reply

    def slow(self, stop: Any) -> Iterator[Piece]:
        self.writing += 1
        yield Piece("writing", "还在写", 1)
        while not self.go.wait(0.02):
            if stop():
                self.stopped.set()
                break
        yield Piece("done", reply=rag.Reply("慢", "写好了。", stopped=stop()))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    folder = tmp_path_factory.mktemp("api")
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    with rag.open(folder / "library") as opened:
        opened.add([folder / name for name in FILES])
        yield Slow(opened)


@pytest.fixture(scope="module")
def address(library: Slow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(library, tmp_path_factory.mktemp("uploads")) as here:
        yield here


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[openai.OpenAI]:
    plain = httpx.Client(trust_env=False)
    with openai.OpenAI(base_url=f"{address}v1", api_key="none", max_retries=0, http_client=plain) as made:
        yield made


def says(*words: str) -> list[Any]:
    """Messages of a user and an assistant in turn."""
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(words)]


# ---------------------------------------------------------------- as OpenAI's


def test_the_openai_client_gets_an_answer_with_its_citations(client: openai.OpenAI, library: Slow) -> None:
    done = client.chat.completions.create(model="builtin", messages=says(ASKED))
    message: Any = done.choices[0].message
    assert "12名职工" in message.content
    assert done.choices[0].finish_reason == "stop"
    (cited,) = message.citations
    text = library.article(cited["article_id"]).text
    assert text[cited["start"] : cited["end"]] == cited["quote"]
    assert f"[{cited['n']}]" in message.content
    assert done.usage is not None
    assert done.usage.prompt_tokens == len(ASKED)
    assert done.usage.total_tokens == len(ASKED) + len(message.content)


def test_a_streamed_answer_is_the_same_sentence_by_sentence(client: openai.OpenAI) -> None:
    whole: Any = client.chat.completions.create(model="builtin", messages=says(ASKED)).choices[0].message
    chunks = list(client.chat.completions.create(
        model="builtin", messages=says(ASKED), stream=True, stream_options={"include_usage": True}
    ))  # fmt: skip
    deltas: list[Any] = [c.choices[0].delta for c in chunks if c.choices]
    assert deltas[0].role == "assistant"
    assert "".join(d.content or "" for d in deltas) == whole.content
    assert deltas[-1].citations == whole.citations
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(whole.content)


def test_messages_before_the_last_are_the_conversation(client: openai.OpenAI) -> None:
    before = says("柳溪镇改造了多少亩老茶园？", "柳溪镇把300亩老茶园改造成了生态茶园。", "春茶产量增加了多少？")
    message: Any = client.chat.completions.create(model="builtin", messages=before).choices[0].message
    assert "两成" in message.content


def test_a_question_that_the_library_cannot_answer_is_refused_without_citations(client: openai.OpenAI) -> None:
    message: Any = (
        client.chat.completions.create(model="builtin", messages=says("火星上的职工食堂几点开门？")).choices[0].message
    )
    assert message.refused is True
    assert message.citations == []
    assert message.content


def test_only_models_that_are_offered_can_be_asked(client: openai.OpenAI) -> None:
    assert [m.id for m in client.models.list()] == ["builtin"]
    assert client.models.retrieve("builtin").owned_by == "rag"
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="/etc", messages=says(ASKED))
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4")


@pytest.mark.parametrize(
    "messages",
    [[], says("问", "答"), [{"role": "system", "content": "x"}], says("。"),
     [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}],
     [{"role": "nobody", "content": "问"}], says("很长" * 3000)],
)  # fmt: skip
def test_what_is_no_question_gets_an_openai_error(client: openai.OpenAI, messages: list[Any]) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as wrong:
            client.chat.completions.create(model="builtin", messages=messages, stream=stream)
        assert isinstance(wrong.value.body, dict)
        assert wrong.value.body["type"] == "invalid_request_error"
        assert wrong.value.body["message"]


def test_text_in_parts_is_text(client: openai.OpenAI) -> None:
    parts: Any = [{"role": "user", "content": [{"type": "text", "text": ASKED}]}]
    assert "12名" in (client.chat.completions.create(model="builtin", messages=parts).choices[0].message.content or "")


def test_a_breakdown_says_nothing_of_the_machinery(client: openai.OpenAI, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(openai.InternalServerError) as broken:
        client.chat.completions.create(model="builtin", messages=says("坏"))
    assert "secret" not in str(broken.value.body)
    assert "Traceback" not in capfd.readouterr().err


def test_a_caller_who_leaves_ends_the_writing(http: httpx.Client, library: Slow) -> None:
    library.stopped.clear()
    body = {"messages": says("慢"), "stream": True}
    with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        assert any(line == ": writing" for line in lines)
    assert library.stopped.wait(3)


@given(st.text(alphabet="县有12名。！？[1]“”\n a", max_size=40))
def test_the_parts_of_an_answer_are_the_answer(answer: str) -> None:
    assert "".join(completions.parts(answer)) == answer


TURNS = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "system"]), st.text(min_size=1, max_size=4)), max_size=8
)


@given(TURNS, st.text(min_size=1, max_size=4))
def test_every_question_before_the_last_is_a_turn(said: list[tuple[str, str]], last: str) -> None:
    messages = [completions.Message(role=role, content=text) for role, text in [*said, ("user", last)]]  # type: ignore[arg-type]
    question, turns = completions.conversation(messages)
    assert question == last
    assert [t.question for t in turns] == [text for role, text in said if role == "user"]


def test_long_conversations_are_cut_to_what_a_follow_up_needs() -> None:
    from rag.api.asking import MOST_TURN, REMEMBERED, remembered

    kept = remembered([Turn(f"{i}" * 9000, "答" * 9000) for i in range(9)])
    assert len(kept) == REMEMBERED
    assert kept[-1] == Turn("8" * MOST_TURN, "答" * MOST_TURN)


# ---------------------------------------------------------------- our own


def test_asking_gives_the_json_of_the_command_line(http: httpx.Client, library: Slow) -> None:
    answer = http.post("/api/ask", json={"id": "q1", "question": ASKED}).json()
    assert answer["id"] == "q1"
    assert set(answer) == {"id", "noted", *library.ask(ASKED).to_json()}
    assert "12名" in answer["answer"]
    assert answer["citations"]


def test_asking_is_filtered_and_follows_the_conversation(http: httpx.Client) -> None:
    none = http.post("/api/ask", json={"question": ASKED, "filter": {"source": ["柳溪日报-20250312.txt"]}}).json()
    assert none["refused"] is True
    history = [{"question": "柳溪镇改造了多少亩老茶园？", "answer": "300亩。"}]
    assert (
        "两成" in http.post("/api/ask", json={"question": "春茶产量增加了多少？", "history": history}).json()["answer"]
    )


def test_searching_gives_passages_in_order(http: httpx.Client) -> None:
    found = http.post("/api/search", json={"question": ASKED, "k": 1}).json()
    (hit,) = found["hits"]
    assert hit["source"] == "青岭日报-20250305.txt"
    article = http.get(f"/api/articles/{hit['article_id']}").json()
    assert article["text"][hit["start"] : hit["end"]] == hit["text"]


@pytest.mark.parametrize(
    "body",
    ["{", "[]", "null", "{}", '{"question": 5}', '{"question": "问", "k": 0}', '{"question": "  "}',
     '{"question": "问", "filter": {"from": "去年"}}', '{"question": "问", "engine": "/etc"}',
     '{"question": "问", "history": [{"answer": "x"}]}'],
)  # fmt: skip
def test_a_wrong_request_is_told_in_words(http: httpx.Client, body: str) -> None:
    answer = http.post("/api/ask", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"kind", "message"}


@pytest.mark.parametrize("path", ["/api/nothing", "/v1/embeddings", "/api/articles/nothing", "/api/articles/../../etc"])
def test_what_is_not_there_is_said_in_json(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 404
    assert "error" in answer.json() or answer.json()["detail"]


def test_files_go_in_with_receipts_are_listed_and_go_again(http: httpx.Client, library: Slow) -> None:
    text = "# 石桥村修路\n\n石桥村今年修通了七公里水泥路，村民出行方便多了。\n".encode()
    answer = http.post("/api/documents", files=[("file", ("../../通知（石桥）.txt", text)), ("file", ("空.txt", b""))])
    assert answer.status_code == 200
    first, second = answer.json()["receipts"]
    assert (first["file"], first["status"], second["status"]) == ("通知（石桥）.txt", "added", "refused")
    assert "七公里" in http.post("/api/ask", json={"question": "石桥村今年修通了几公里水泥路？"}).json()["answer"]
    rows = http.get("/api/documents").json()["documents"]
    number = next(row["document_id"] for row in rows if row["source"] == "通知（石桥）.txt")
    removal = http.delete(f"/api/documents/{number}")
    assert (removal.status_code, removal.json()["left"]) == (200, 0)
    assert http.delete(f"/api/documents/{number}").status_code == 404
    assert len(library.documents()) == len(rows) - 1


def test_nothing_of_what_was_sent_is_left_lying(
    http: httpx.Client, library: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []

    def fails(paths: list[Path], **more: Any) -> Any:
        folders.extend(path.parent.parent for path in paths)
        raise errors.LibraryLocked(library="x")

    monkeypatch.setattr(library.library, "add", fails)
    answer = http.post("/api/documents", files={"file": ("a.txt", b"x")})
    assert (answer.status_code, answer.json()["error"]["kind"]) == (423, "library_locked")
    assert folders
    assert not folders[0].exists()


def test_a_form_without_a_file_is_told(http: httpx.Client) -> None:
    assert http.post("/api/documents", data={"file": "x"}).status_code == 400
    assert http.post("/api/documents", content=b"x").status_code == 400


def test_only_refused_files_are_an_error(http: httpx.Client) -> None:
    answer = http.post("/api/documents", files={"file": ("空.txt", b"")})
    assert answer.status_code == 422
    assert answer.json()["receipts"][0]["reason"]


@pytest.mark.parametrize("given", ["", "..", "/", "a/../", "\x00\u202e", '<>:"|?*'])
def test_a_file_without_a_name_of_its_own_gets_one(given: str) -> None:
    assert own.plain_name(given, 4) in ("5.txt", "a")


@given(st.text(max_size=300))
def test_a_name_is_never_a_path(given: str) -> None:
    name = own.plain_name(given, 0)
    assert name == Path(name).name
    assert name not in ("", ".", "..")
    assert len(name) <= 120
    assert name.isprintable()


@pytest.mark.parametrize("said", [True, False])
def test_more_than_one_request_may_hold_is_refused(
    http: httpx.Client, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_BODY", 2000)
    monkeypatch.setitem(server.MOST_BY_PATH, "/api/documents", 3000)
    body = json.dumps({"question": "长" * 3000}).encode()
    sent: Any = body if said else (body[i : i + 500] for i in range(0, len(body), 500))
    answer = http.post("/api/ask", content=sent, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["kind"]) == (413, "too_large"), answer.text
    files = {"file": ("a.txt", b"x" * 9000)}
    assert http.post("/api/documents", files=files).status_code == 413


# ---------------------------------------------------------------- conversations


def test_conversations_are_listed_found_renamed_shared_exported_and_dropped(http: httpx.Client, library: Slow) -> None:
    row = {"question": ASKED, "reply": library.ask(ASKED).to_json()}
    library.conversations.keep("", "k-1", [row])
    library.conversations.keep("somebody", "k-2", [row])
    assert [t["key"] for t in http.get("/api/conversations").json()["conversations"]] == ["k-1"]
    assert http.get("/api/conversations", params={"text": "没有这样的话"}).json()["conversations"] == []
    assert http.get("/api/conversations/k-1").json()["exchanges"] == [row]
    changed = http.patch("/api/conversations/k-1", json={"title": "气象站", "shared": True}).json()
    assert (changed["title"], changed["shared"]) == ("气象站", True)
    assert "12名" in http.get("/api/conversations/k-1.md").text
    assert http.get("/api/conversations/k-1.json").json()["exchanges"] == [row]
    word = http.get("/api/conversations/k-1.docx")
    assert word.content.startswith(b"PK")
    assert word.headers["content-disposition"].endswith(".docx")
    for there_is_none in ("k-2", "k-1.exe", "k-2.md"):
        assert http.get(f"/api/conversations/{there_is_none}").status_code == 404
    assert http.patch("/api/conversations/k-2", json={"title": "x"}).status_code == 404
    assert http.delete("/api/conversations/k-2").status_code == 404
    assert http.delete("/api/conversations/k-1").status_code == 200
    assert http.get("/api/conversations/k-1").status_code == 404


# ---------------------------------------------------------------- many at once


def test_reading_never_waits_for_eight_who_are_written_for(http: httpx.Client, library: Slow, address: str) -> None:
    library.go.clear()
    library.writing = 0
    with ThreadPoolExecutor(8) as many:
        asked = [
            many.submit(httpx.post, f"{address}api/ask", json={"question": f"慢{i}"}, timeout=30, trust_env=False)
            for i in range(8)
        ]
        ends = time.monotonic() + 10
        while library.writing < 8 and time.monotonic() < ends:
            time.sleep(0.02)
        assert library.writing == 8, "all eight are written for at once"
        began = time.monotonic()
        article = library.articles(limit=1)[0].article_id
        assert http.get(f"/api/articles/{article}").status_code == 200
        assert http.get("/healthz").status_code == 200
        assert http.get("/").status_code == 200
        took = time.monotonic() - began
        assert not any(one.done() for one in asked)
        library.go.set()
        assert {one.result().status_code for one in asked} == {200}
    library.go.clear()
    assert took < 2


# ---------------------------------------------------------------- for those who keep it running


def test_health_and_figures_are_told(http: httpx.Client) -> None:
    assert http.get("/healthz").json()["status"] == "ok"
    http.post("/api/ask", json={"question": ASKED})
    figures = http.get("/metrics")
    assert figures.headers["content-type"].startswith("text/plain")
    rows = dict(line.rsplit(" ", 1) for line in figures.text.splitlines() if not line.startswith("#"))
    assert float(rows["rag_library_articles"]) == 2
    assert float(rows['rag_answers_total{engine="builtin",outcome="answered"}']) >= 1
    assert float(rows['rag_requests_total{method="POST",route="/api/ask",status="200"}']) >= 1
    assert "青岭" not in figures.text, "nothing of what was asked"


def test_a_library_that_cannot_be_read_is_not_healthy(
    http: httpx.Client, library: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(**more: Any) -> Any:
        raise errors.LibraryDamaged(library="x", detail="y")

    monkeypatch.setattr(library.library, "documents", damaged)
    assert http.get("/healthz").status_code == 500


def test_it_is_ready_when_a_question_would_not_wait(
    http: httpx.Client, library: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library.library, "_warm", False)
    assert http.get("/readyz").status_code == 503
    library.library.warm_up()
    assert http.get("/readyz").json() == {"status": "ready"}


def test_the_document_names_every_address_of_the_contract(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    named = {(method.upper(), path) for path, row in document["paths"].items() for method in row}
    assert named >= {
        ("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("POST", "/api/ask"), ("POST", "/api/search"),
        ("POST", "/api/documents"), ("DELETE", "/api/documents/{document_id}"), ("GET", "/api/articles/{article_id}"),
        ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
    }  # fmt: skip
    assert all(row.get("summary") for path in document["paths"].values() for row in path.values())
    assert http.get("/docs").status_code == 404, "its page would load a script from elsewhere"


def test_answers_for_programs_carry_the_headers_of_the_page(http: httpx.Client) -> None:
    headers = http.post("/api/ask", json={"question": ASKED}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert http.post("/api/ask", json={}, headers={"origin": "https://evil.example"}).status_code == 403
    assert http.get("/api/documents", headers={"host": "evil.example"}).status_code == 421


# ---------------------------------------------------------------- errors


def kinds(kind: type[errors.Error] = errors.Error) -> Iterator[type[errors.Error]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


@pytest.mark.parametrize("kind", [k for k in kinds() if k.__module__ == "rag.errors"], ids=lambda k: k.__name__)
def test_every_error_has_a_status_of_a_fault(kind: type[errors.Error]) -> None:
    status = route.status_of(kind.__new__(kind))
    assert 400 <= status < 600


def test_a_server_for_others_lets_nobody_change_the_library(library: Slow, tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    away = TestClient(built(library, tmp_path, at_home=False))
    assert away.post("/api/documents", files={"file": ("a.txt", b"x")}).status_code == 403
    assert away.delete("/api/documents/1").status_code == 403
    assert away.get("/api/documents").status_code == 200


def test_on_a_server_for_others_nobody_sees_anothers_conversations(library: Slow, tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    application = built(library, tmp_path, at_home=False)
    library.conversations.keep("", "owners", [{"question": "主人问的？"}])
    browsers = [TestClient(application) for _ in range(2)]
    cookies = [browser.get("/").headers["set-cookie"] for browser in browsers]
    assert cookies[0] != cookies[1]
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)
    assert "set-cookie" not in browsers[0].get("/").headers, "it is known again"
    for i, browser in enumerate(browsers):
        name = sha256(browser.cookies["rag_visitor"].encode()).hexdigest()
        library.conversations.keep(f"visitor:{name}", f"k-{i}-visitor", [{"question": "问？"}])
    for i, browser in enumerate(browsers):
        assert [t["key"] for t in browser.get("/api/conversations").json()["conversations"]] == [f"k-{i}-visitor"]
        assert browser.get(f"/api/conversations/k-{1 - i}-visitor").status_code == 404
        assert browser.delete("/api/conversations/owners").status_code == 404
    assert TestClient(application).get("/api/conversations").json()["conversations"] == [], "a program has none"
    library.conversations.drop("", "owners")
