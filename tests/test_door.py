"""Who may do what at `rag serve --auth`: the real server, asked by nobody, by readers, by editors and by their programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import served
from test_pdf import front_page, pdf

import rag
from rag.api import limits
from rag.api.limits import Limit, address
from rag.chat import server

WORD = "长密码-correct horse"
TEXT = "# 青岭县气象站建成投用\n\n青岭县气象站有12名职工，每天发布两次天气预报。\n"
ASKED = {"question": "青岭县气象站有多少名职工？"}
SPOKEN = {"messages": [{"role": "user", "content": ASKED["question"]}]}
FIRST = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}  # fmt: skip


class House:
    """A library with two readers and an editor, served with `--auth`; a client for each of those who come."""

    def __init__(self, library: rag.Library, here: str) -> None:
        self.library, self.here = library, here
        self.accounts = library.accounts
        for name, role in (("李读者", "reader"), ("张读者", "reader"), ("王编辑", "editor")):
            self.accounts.add(name, WORD, role)  # type: ignore[arg-type]
        keys = {whose: self.accounts.add_key(whose, "程序") for whose in ("李读者", "王编辑")}
        revoked = self.accounts.add_key("王编辑")
        self.accounts.revoke(self.accounts.keys()[-1].key_id)
        self.clients = {
            "nobody": self.client(), "revoked key": self.client(revoked),
            "reader": self.signed_in("李读者"), "editor": self.signed_in("王编辑"),
            "reader's key": self.client(keys["李读者"]), "editor's key": self.client(keys["王编辑"]),
        }  # fmt: skip

    def client(self, key: str = "", **more: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.here, headers=headers, timeout=120, trust_env=False, **more)

    def signed_in(self, name: str) -> httpx.Client:
        client = self.client()
        assert sign_in(client, name).status_code == 303
        return client


def sign_in(client: httpx.Client, name: str, password: str = WORD, **more: Any) -> httpx.Response:
    return client.post("/sign-in", data={"name": name, "password": password}, **more)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("door")
    (folder / "青岭日报-20250305.txt").write_text(TEXT, "utf-8")
    with rag.open(folder / "library") as library:
        library.add([folder / "青岭日报-20250305.txt"])
        library.warm_up()
        uploads = tmp_path_factory.mktemp("uploads")
        with served(library, uploads, auth=True) as here, pytest.MonkeyPatch.context() as patch:
            patch.setenv("GRADIO_TEMP_DIR", str(uploads))
            made = House(library, here)
            yield made
            for client in made.clients.values():
                client.close()


# ---------------------------------------------------------------- route × role

WHO = ("nobody", "revoked key", "reader", "reader's key", "editor", "editor's key")
ALL, OUT, IN = (200,) * 6, (404,) * 6, (401, 401, 200, 200, 200, 200)


def desk(status: int) -> tuple[int, ...]:
    """What editors alone may do; `status`: what they get."""
    return (401, 401, 403, 403, status, status)


def known(status: int) -> tuple[int, ...]:
    return (401, 401, *(status,) * 4)


ROUTES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    # the door, and what everybody may see
    "GET /sign-in": (ALL, {}),
    "GET /password": (ALL, {}),
    "GET /healthz": (ALL, {}),
    "GET /readyz": (ALL, {}),
    "GET /ui/chat.css": (ALL, {}),
    "GET /manifest.json": (ALL, {}),
    # the page
    "GET /": ((303, 303, 200, 200, 200, 200), {}),
    "GET /config": (IN, {}),
    "GET /openapi.json": (IN, {}),
    "GET /no/such/page": (known(404), {}),
    # what readers may
    "POST /api/ask": (IN, {"json": ASKED}),
    "POST /api/search": (IN, {"json": ASKED}),
    "GET /api/documents": (IN, {}),
    "GET /api/articles/none": (known(404), {}),
    "GET /api/articles/none/pages": (known(404), {}),
    "GET /api/documents/0/pages/0": (known(404), {}),
    "GET /api/conversations": (IN, {}),
    "GET /api/conversations/none": (known(404), {}),
    "GET /api/conversations/none.docx": (known(404), {}),
    "PATCH /api/conversations/none": (known(404), {"json": {"title": "新"}}),
    "DELETE /api/conversations/none": (known(404), {}),
    "GET /api/nothing": (known(404), {}),
    "GET /metrics": (IN, {}),
    "POST /api/feedback": (known(404), {"json": {"noted": "none", "helpful": True}}),
    "GET /v1/models": (IN, {}),
    "GET /v1/models/builtin": (IN, {}),
    "POST /v1/chat/completions": (IN, {"json": SPOKEN}),
    # what editors may
    "POST /api/documents": (desk(422), {"files": {"file": ("空的.txt", b"")}}),
    "DELETE /api/documents/none": (desk(404), {}),
    "GET /api/backup": (desk(200), {}),
    "GET /api/figures": (desk(200), {}),
    "POST /api/restore": (desk(400), {"content": b"no backup"}),
    # Gradio's own
    "POST /gradio_api/upload": ((401, 401, 404, 404, 200, 200), {"files": {"files": ("a.txt", b"x")}}),
    "POST /gradio_api/queue/join": (known(422), {"json": {}}),
    "POST /gradio_api/run/predict": (known(422), {"json": {}}),
    "POST /gradio_api/call/remove": (OUT, {"json": {"data": []}}),
    "GET /gradio_api/call/remove/1": (OUT, {}),
    "GET /gradio_api/file=/etc/passwd": (OUT, {}),
    "GET /gradio_api/info": (OUT, {}),
    "GET /gradio_api/stream/a/b/c/d": (OUT, {}),
    "POST /gradio_api/component_server": (OUT, {"json": {}}),
    "GET /monitoring": (OUT, {}),
    "POST /login": (OUT, {"data": {"username": "a", "password": "b"}}),
}
if find_spec("mcp"):
    accepts = {"Accept": "application/json, text/event-stream"}
    ROUTES["POST /mcp"] = (IN, {"json": FIRST, "headers": accepts})


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("route", ROUTES)
def test_who_may_do_what(house: House, route: str, who: str) -> None:
    statuses, sent = ROUTES[route]
    method, path = route.split(" ")
    answer = house.clients[who].request(method, path, **sent)
    assert answer.status_code == statuses[WHO.index(who)], answer.text[:300]
    if answer.status_code in (401, 403):
        assert answer.json()["error"], "it says what is wrong"


def test_the_table_knows_every_route_of_ours(house: House) -> None:
    described = house.clients["editor"].get("/openapi.json").json()["paths"]
    there = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    asked = {route.replace("/none.docx", "/{key}.{form}") for route in ROUTES}
    asked |= {route.replace("/0/pages/0", "/{document_id}/pages/{number}") for route in asked}
    for name in ("key", "article_id", "document_id"):
        asked |= {route.replace("/none", f"/{{{name}}}") for route in asked}
    asked |= {route.replace("/builtin", "/{name}") for route in asked}
    assert there <= asked, "write it into ROUTES above"


def test_a_page_is_seen_by_those_who_may_read_its_article_until_it_is_removed(house: House, tmp_path: Path) -> None:
    (tmp_path / "版.pdf").write_bytes(pdf(front_page()))
    house.library.add([tmp_path / "版.pdf"])
    article = next(a for a in house.library.articles() if "查堤" in a.title)
    start = article.text.index("今年入汛")
    where = f"/api/articles/{article.article_id}/pages?start={start}&end={start + 11}"
    told = house.clients["reader"].get(where).json()
    assert (told["found"], told["source"], told["numbers"]) == (True, "版.pdf", [1])
    ((left, top, right, bottom),) = told["pages"][0]["boxes"]
    assert 0 < left < right < 1
    assert 0 < top < bottom < 1
    picture, tag = f"/api/documents/{told['document_id']}/pages/1", ""
    for who, status in zip(WHO, IN, strict=True):
        client = house.clients[who]
        assert client.get(where).status_code == status
        answer = client.get(picture)
        assert answer.status_code == status
        if status == 200:
            tag = answer.headers["etag"]
            assert answer.content.startswith(b"RIFF")
            assert answer.headers["content-type"] == "image/webp"
            assert answer.headers["cache-control"] == "private, no-cache"
            assert answer.headers["x-content-type-options"] == "nosniff"
    kept = {"If-None-Match": tag}
    assert house.clients["reader"].get(picture, headers=kept).status_code == 304
    assert house.clients["reader"].get(f"/api/articles/{article.article_id}/pages?start=-1").status_code == 400
    house.library.remove(["版.pdf"])
    for path in (picture, where):
        assert house.clients["reader"].get(path, headers=kept).status_code == 404, "nobody's copy is said to be good"


# ---------------------------------------------------------------- the page's own events


def pressed(client: httpx.Client, function: int, data: list[Any], event: dict[str, Any]) -> str:
    """Sends an event as the page's script does, and waits for its end; what came of it, as it was sent."""
    page = {"fn_index": function, "data": data, "event_data": event, "session_hash": "s1", "trigger_id": None}
    joined = client.post("/gradio_api/queue/join", json=page)
    if joined.status_code != 200:
        return joined.text
    told = ""
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "s1"}) as stream:
        for line in stream.iter_lines():
            told += line
            if "process_completed" in line or "unexpected_error" in line or "close_stream" in line:
                break
    return told


def events(config: dict[str, Any]) -> dict[str, int]:
    """Event → number of the function that it calls."""
    return {event: one["id"] for one in config["dependencies"] for _, event in one["targets"]}


def test_the_desk_has_no_address_on_a_readers_page(house: House) -> None:
    pages = {who: house.clients[who].get("/config").json() for who in ("reader", "editor")}
    desk_ids = {"desk", "drop", "outcome", "preview", "find"}
    ids = {who: {c["props"].get("elem_id") for c in page["components"]} for who, page in pages.items()}
    assert desk_ids <= ids["editor"]
    assert not desk_ids & ids["reader"]
    theirs = {"given", "remove", "choose", "more", "pull", "use", "discard", "line"}
    assert theirs <= events(pages["editor"]).keys()
    assert not theirs & events(pages["reader"]).keys()
    text = house.clients["reader"].get("/").text
    assert "desk-left" not in text


def test_a_reader_who_sends_an_editors_event_changes_nothing(house: House, tmp_path: Path) -> None:
    (tmp_path / "要留下的.txt").write_text("# 柳溪镇茶园\n\n柳溪镇把300亩老茶园改造成了生态茶园。\n", "utf-8")
    house.library.add([tmp_path / "要留下的.txt"])
    article = next(a for a in house.library.articles() if a.source == "要留下的.txt")
    remove = events(house.clients["editor"].get("/config").json())["remove"]
    for who in ("nobody", "revoked key", "reader", "reader's key"):
        for function in (remove, *range(60)):
            if function == remove or who == "reader":
                client = house.clients[who]
                if function == remove:
                    pressed(client, function, [""], {"article": article.article_id})
                body = {"fn_index": function, "data": [""], "event_data": {"article": article.article_id}}
                client.post("/gradio_api/run/predict", json={**body, "session_hash": "s2"})
        assert house.library.article(article.article_id), who
    pressed(house.clients["editor"], remove, [""], {"article": article.article_id})
    with pytest.raises(rag.Error):
        house.library.article(article.article_id)


# ---------------------------------------------------------------- what belongs to whom


def test_everybody_sees_their_own_conversations_alone(house: House) -> None:
    mine = house.accounts.listed()[0]
    house.library.conversations.keep(f"account:{mine.account_id}", "k" * 32, [{"question": "问", "reply": None}])
    for who, seen in (("reader", 1), ("reader's key", 1), ("editor", 0), ("editor's key", 0)):
        client = house.clients[who]
        assert len(client.get("/api/conversations").json()["conversations"]) == seen, who
        assert client.get(f"/api/conversations/{'k' * 32}").status_code == (200 if seen else 404), who
    with closing(house.signed_in("张读者")) as other:
        assert other.delete(f"/api/conversations/{'k' * 32}").status_code == 404
    house.library.conversations.drop(f"account:{mine.account_id}", "k" * 32)


def test_who_asked_is_noted_whichever_way_they_asked(house: House) -> None:
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "reader": ("/v1/chat/completions", SPOKEN),
        "reader's key": ("/v1/chat/completions", {**SPOKEN, "stream": True}),
        "editor": ("/api/ask", ASKED),
    }
    if find_spec("mcp"):
        ask = {"name": "ask", "arguments": ASKED}
        ways["editor's key"] = ("/mcp", {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": ask})
    for who, (path, sent) in ways.items():
        answer = house.clients[who].post(path, json=sent, headers={"Accept": "application/json, text/event-stream"})
        assert answer.status_code == 200, answer.text
        asked = house.library.desk.questions.between()[-1]
        assert (asked.asker, asked.origin) == ("李读者" if "reader" in who else "王编辑", "api"), path


# ---------------------------------------------------------------- in and out


def test_the_page_that_was_asked_for_comes_after_signing_in(house: House) -> None:
    with house.client() as client:
        asked = client.get("/?a=x&at=1-2")
        assert (asked.status_code, asked.headers["location"]) == (303, "sign-in?a=x&at=1-2")
        answer = client.post("/sign-in?a=x&at=1-2", data={"name": "李读者", "password": WORD})
        assert answer.headers["location"] == "./?a=x&at=1-2"
        page = client.get("/")
        assert page.headers["cache-control"] == "no-store"
        assert 'content="李读者"' in page.text
        assert client.post("/sign-out").status_code == 303
        assert client.get("/").status_code == 303


def test_the_cookie_is_for_this_server_alone(house: House) -> None:
    with house.client() as client:
        plain = sign_in(client, "李读者").headers["set-cookie"].lower()
        assert "httponly" in plain
        assert "samesite=lax" in plain
        assert "secure" not in plain
        behind_https = sign_in(client, "李读者", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
        assert "secure" in behind_https.lower()


def test_signing_out_or_a_new_password_ends_a_session_everywhere(house: House) -> None:
    house.accounts.add("赵读者", WORD, "reader")
    with closing(house.signed_in("赵读者")) as one, closing(house.signed_in("赵读者")) as two:
        token = one.cookies["rag_session"]
        one.post("/sign-out")
        with house.client(cookies={"rag_session": token}) as stolen:
            assert stolen.get("/api/documents").status_code == 401
        assert two.get("/api/documents").status_code == 200
        house.accounts.set_password("赵读者", WORD + "2")
        assert two.get("/api/documents").status_code == 401
    house.accounts.remove("赵读者")


def test_a_password_is_changed_with_the_one_of_before(house: House) -> None:
    house.accounts.add("周读者", WORD, "reader")

    def change(password: str, new: str) -> httpx.Response:
        return one.post("/password", data={"name": "周读者", "password": password, "new": new})

    with closing(house.signed_in("周读者")) as one:
        assert change("wrong word", "a new word").status_code == 401
        short = change(WORD, "short")
        assert short.status_code == 400
        assert 'role="alert"' in short.text
        assert one.get("/api/documents").status_code == 200, "nothing has changed yet"
        assert change(WORD, "a new word").status_code == 303
        assert one.get("/api/documents").status_code == 401
        assert sign_in(one, "周读者", WORD).status_code == 401
        assert sign_in(one, "周读者", "a new word").status_code == 303
    house.accounts.remove("周读者")


def test_a_role_that_is_taken_away_counts_from_the_next_request_on(house: House) -> None:
    house.accounts.add("钱编辑", WORD, "editor")
    with closing(house.signed_in("钱编辑")) as client:
        assert client.delete("/api/documents/none").status_code == 404
        house.accounts.set_role("钱编辑", "reader")
        assert client.delete("/api/documents/none").status_code == 403
        assert "desk-left" not in client.get("/").text
        house.accounts.remove("钱编辑")
        assert client.get("/api/documents").status_code == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_elsewhere_cannot_use_a_session(house: House, origin: str) -> None:
    editor = house.clients["editor"]
    for path in ("/sign-out", "/sign-in", "/api/documents", "/gradio_api/upload", "/gradio_api/queue/join", "/mcp"):
        assert editor.post(path, headers={"Origin": origin}).status_code == 403, path
    assert editor.get("/api/documents").status_code == 200, "still signed in"


def test_guessing_gets_slower_and_says_how_long_to_wait(house: House) -> None:
    house.accounts.add("孙读者", WORD, "reader")
    with house.client() as client:
        for _ in range(5):
            wrong = sign_in(client, "孙读者", "wrong wrong")
            assert wrong.status_code == 401
            assert 'role="alert"' in wrong.text
            assert 'value="孙读者"' in wrong.text
        slow = sign_in(client, "孙读者", WORD)
        assert slow.status_code == 429
        wait = int(slow.headers["retry-after"])
        assert 0 < wait <= 60
        assert f"{wait} 秒" in slow.text
        assert sign_in(client, "李读者").status_code == 303, "others come in"
    house.accounts.remove("孙读者")


def test_what_is_typed_into_the_form_is_shown_as_text(house: House) -> None:
    with house.client() as client:
        answer = client.post('/sign-in?"><script>1</script>', data={"name": '"><script>2</script>', "password": "x"})
        assert "<script>1" not in answer.text
        assert "<script>2" not in answer.text


def test_without_accounts_the_door_says_what_to_do(tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    from rag.chat.door import Door

    with rag.open(tmp_path / "library") as library:
        from fastapi import FastAPI

        app = FastAPI()
        app.include_router(Door(library, "", "zh").routes())
        assert "rag people add" in TestClient(app).get("/sign-in").text
        library.accounts.add("王", WORD, "editor")
        assert "rag people add" not in TestClient(app).get("/sign-in").text


# ---------------------------------------------------------------- how often


def test_too_many_requests_are_told_how_long_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.responses import PlainTextResponse
    from starlette.testclient import TestClient

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("ok")(scope, receive, send)

    monkeypatch.setattr(limits, "monotonic", lambda: 1000.0)  # however slow this machine is
    gate = server.Gate(inside, lambda: "", "zh", at_home=False)
    client = TestClient(gate, base_url="http://kepu.example")
    answers = [client.post("/api/ask") for _ in range(64)]
    assert [a.status_code for a in answers[:60]] == [200] * 60
    late = answers[-1]
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) >= 1
    assert json.loads(late.text)["error"]["kind"] == "too_many"
    assert client.get("/api/documents").status_code == 200, "reading goes on"
    assert client.post("/v1/chat/completions").json()["error"]["type"] == "rate_limit_error"
    at_home = TestClient(server.Gate(inside, lambda: "", "zh", at_home=True), base_url="http://127.0.0.1")
    assert {at_home.post("/api/ask").status_code for _ in range(64)} == {200}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(st.integers(1, 8), st.integers(1, 9), st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_no_stretch_of_time_holds_more_than_is_allowed(at_once: int, every: int, gaps: list[int]) -> None:
    limit, now, let_in = Limit(at_once, every), 0.0, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "monotonic", lambda: now)
        for gap in gaps:
            now += gap
            wait = limit.take("a")
            if not wait:
                let_in.append(now)
                continue
            before, now = now, now + wait
            assert not limit.take("a"), "after the time that was told it goes on"
            let_in.append(now)
            assert before < now
    for i, start in enumerate(let_in):
        for j, end in enumerate(let_in[i:]):
            assert j + 1 <= at_once + (end - start) / every + 1e-6


def test_names_are_counted_apart_and_what_is_given_back_does_not_count() -> None:
    limit = Limit(1, 60)
    assert limit.take("a") == 0
    assert limit.take("a") == 60
    assert limit.take("b") == 0
    limit.give_back("a")
    assert limit.take("a") == 0


def test_many_names_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_NAMES", 10)
    limit = Limit(1, 60)
    for i in range(100):
        limit.take(str(i))
    assert len(limit._paid) <= 10


def test_a_line_counts_as_one_address() -> None:
    assert address("2001:db8:1:2::1") == address("2001:db8:1:2:ffff::9") != address("2001:db8:1:3::1")
    assert address("::ffff:192.0.2.1") == address("192.0.2.1") == "192.0.2.1"
    assert address("testclient") == "testclient"
