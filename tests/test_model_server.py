"""Language models behind a server: the protocol and its quirks, what goes wrong, and who answers then."""

from __future__ import annotations

import itertools
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from model_server import Call, serving

import rag
from rag import settings, words
from rag.cli import run
from rag.errors import ModelUnusable, PackageMissing, ServerUnusable
from rag.models import Draft, LanguageModel, Message, open_model
from rag.models.server import ServerModel

ASKED = [Message("user", "发布了多少篇推文？")]
ARTICLE = "# 青溪县科普夜校开课\n\n青溪县科普夜校首期招收学员126人，每周三晚上课。授课的是县农技站站长周敏。\n"
QUESTION = "青溪县科普夜校首期招收了多少学员？"


def never() -> bool:
    return False


def written(model: LanguageModel, limit: int = 50) -> list[Draft]:
    return list(model.write(ASKED, limit, never))


def why(model: LanguageModel) -> str:
    with pytest.raises(ServerUnusable) as error:
        written(model)
    assert error.value.exit_code == 6
    return str(error.value.fields["why"])


def free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        port: int = plug.getsockname()[1]
        return port


# ---------------------------------------------------------------- names


def test_a_server_is_named_by_its_model_and_address() -> None:
    model = open_model("openai:qwen3:1.7b@http://127.0.0.1:11434/v1")
    assert model.name == "qwen3:1.7b"
    assert settings.engine_name("openai:Qwen/Qwen3-1.7B@http://localhost:8000/v1") == "Qwen3-1.7B"
    assert open_model("openai:Qwen/Qwen3-1.7B@http://localhost:8000/v1").name == "Qwen3-1.7B"


@pytest.mark.parametrize(
    "name", ["openai:", "openai:m", "openai:m@", "openai:@http://127.0.0.1/v1", "openai:m@ftp://x"]
)
def test_a_name_that_is_none_shows_how_it_is_written(name: str) -> None:
    with pytest.raises(ServerUnusable, match="11434"):
        open_model(name)


@pytest.mark.parametrize("host", ["192.168.1.9", "example.org", "127.0.0.1.evil.org", "0.0.0.0", "[::2]"])
def test_nothing_is_sent_to_another_machine_unless_a_setting_allows_it(host: str) -> None:
    with pytest.raises(ServerUnusable, match="RAG_SERVER_AWAY"):
        open_model(f"openai:m@http://{host}:1/v1")
    assert open_model(f"openai:m@http://{host}:1/v1", away=True).name == "m"


def test_without_the_client_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(PackageMissing, match=r"rag\[server\]"):
        open_model("openai:m@http://127.0.0.1:1/v1")


# ---------------------------------------------------------------- the protocol


def test_an_answer_streams_as_it_is_written() -> None:
    with serving(lambda call, body: call.stream("发布推文", "1900余篇", "。")) as server:
        drafts = written(open_model(f"openai:m@{server.address}"))
    assert [d.text for d in drafts] == ["发布推文", "发布推文1900余篇", "发布推文1900余篇。"]
    (asked,) = server.asked
    assert asked["path"] == "/v1/chat/completions"
    assert asked["model"] == "m" and asked["stream"] is True and asked["max_tokens"] == 50 and asked["temperature"] == 0
    assert asked["messages"] == [{"role": "user", "content": ASKED[0].text}]


def test_the_key_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_SERVER_KEY", "sesam")
    chosen = settings.load()
    with serving(lambda call, body: call.stream("好。")) as server:
        written(open_model(f"openai:m@{server.address}", key=chosen.server_key, away=chosen.server_away))
    assert server.asked[0]["headers"]["authorization"] == "Bearer sesam"
    assert chosen.server_away is False


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with serving(lambda call, body: call.stream("好。")) as server:
        assert written(open_model(f"openai:m@{server.address}"))[-1] == Draft("好。")


def test_comments_empty_chunks_and_figures_at_the_end_are_no_text() -> None:
    def answer(call: Call, body: dict[str, Any]) -> None:  # as vLLM with usage, and servers that keep a line alive
        call.begin()
        call.raw(": ping\n\n")
        call.delta(role="assistant", content=None)
        call.delta(content="好")
        call.delta(content="")
        call.delta(content="。", end="length")
        call.raw('data: {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],'
                 ' "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}\n\n')  # fmt: skip
        call.done()

    with serving(answer) as server:
        assert [d.text for d in written(open_model(f"openai:m@{server.address}"))] == ["好", "好。"]


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thoughts_that_come_apart_are_no_answer(field: str) -> None:
    def answer(call: Call, body: dict[str, Any]) -> None:  # Ollama and newer vLLM; older vLLM, llama.cpp
        call.begin()
        call.delta(**{"content": None, field: "先想"})
        call.delta(**{"content": "", field: "一想"})
        call.delta(content="好。", end="stop")
        call.done()

    with serving(answer) as server:
        drafts = written(open_model(f"openai:m@{server.address}"))
    assert drafts == [Draft("", "先想"), Draft("", "先想一想"), Draft("好。", "先想一想")]


def test_thoughts_between_tags_are_folded_away() -> None:
    with serving(lambda call, body: call.stream("<think>想", "</think>", "好。")) as server:
        drafts = written(open_model(f"openai:m@{server.address}"))
    assert drafts[-1] == Draft("好。", "想")
    assert not any("想" in d.text for d in drafts)


@pytest.mark.parametrize("refused", [("reasoning_effort",), ("reasoning_effort", "chat_template_kwargs")])
def test_switches_that_a_server_does_not_take_are_left_out_and_that_is_remembered(refused: tuple[str, ...]) -> None:
    def answer(call: Call, body: dict[str, Any]) -> None:
        unknown = [name for name in refused if name in body]
        call.fail(400, f"unknown field {unknown}") if unknown else call.stream("好。")

    with serving(answer) as server:
        model = open_model(f"openai:m@{server.address}")
        assert written(model)[-1].text == "好。"
        tries = len(server.asked)
        assert written(model)[-1].text == "好。"
    assert len(server.asked) == tries + 1


# ---------------------------------------------------------------- what goes wrong


def test_a_server_that_is_not_there_is_named_after_a_few_tries() -> None:
    address = f"http://127.0.0.1:{free_port()}/v1"
    started = time.monotonic()
    assert address in why(open_model(f"openai:m@{address}"))
    assert time.monotonic() - started < 15


def test_errors_are_told_in_the_readers_language() -> None:
    words.speak("en")
    assert "can't be reached" in why(open_model(f"openai:m@http://127.0.0.1:{free_port()}/v1"))


def test_a_server_that_says_nothing_is_given_up() -> None:
    rest = threading.Event()
    with serving(lambda call, body: rest.wait(20) and None) as server:
        model = ServerModel("m", server.address, patience=0.2)
        assert "没有回音" in why(model)
        rest.set()
    assert len(server.asked) == 3  # asked twice more


def test_a_stream_that_falls_silent_is_given_up_and_not_begun_anew() -> None:
    rest = threading.Event()

    def answer(call: Call, body: dict[str, Any]) -> None:
        call.begin()
        call.delta(content="发布")
        rest.wait(20)

    with serving(answer) as server:
        assert "没有回音" in why(ServerModel("m", server.address, patience=0.3))
        rest.set()
    assert len(server.asked) == 1


@pytest.mark.parametrize("clean", [True, False])
def test_a_cut_connection_is_an_error_and_what_came_before_is_not_lost(clean: bool) -> None:
    def answer(call: Call, body: dict[str, Any]) -> None:
        call.begin()
        call.delta(content="发布推文")
        if clean:  # the body ends as it should, but nobody said that the answer did
            call.wfile.write(b"0\r\n\r\n")
        else:
            call.connection.shutdown(socket.SHUT_RDWR)

    with serving(answer) as server:
        writing = open_model(f"openai:m@{server.address}").write(ASKED, 50, never)
        assert next(writing).text == "发布推文"
        with pytest.raises(ServerUnusable, match="断"):
            next(writing)
    assert len(server.asked) == 1


@pytest.mark.parametrize("error", ['{"error": {"message": "CUDA", "code": 500}}', '{"error": "CUDA"}'])
def test_an_error_in_the_middle_of_the_stream_is_told(error: str) -> None:
    def answer(call: Call, body: dict[str, Any]) -> None:
        call.begin()
        call.delta(content="发布")
        call.raw(f"data: {error}\n\n")
        call.done()

    with serving(answer) as server:
        assert "报错" in why(open_model(f"openai:m@{server.address}"))


def test_what_is_no_json_is_an_error() -> None:
    def answer(call: Call, body: dict[str, Any]) -> None:
        call.begin()
        call.raw("data: <html>\n\n")
        call.done()

    with serving(answer) as server:
        assert why(open_model(f"openai:m@{server.address}"))


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, "没有这个模型"), (401, "RAG_SERVER_KEY"), (403, "RAG_SERVER_KEY"), (400, "报错"), (413, "报错")],
)
def test_an_error_that_trying_again_does_not_mend_is_told(status: int, told: str) -> None:
    with serving(lambda call, body: call.fail(status, "model 'm' not found")) as server:
        assert told in why(open_model(f"openai:m@{server.address}"))
    assert len(server.asked) <= 3


def test_a_busy_server_is_asked_again_a_few_times() -> None:
    def answer(call: Call, body: dict[str, Any]) -> None:
        if len(server.asked) < 3:
            call.fail(503, "busy", retry_after_ms="10")
        else:
            call.stream("好。")

    with serving(answer) as server:
        assert written(open_model(f"openai:m@{server.address}"))[-1].text == "好。"
    with serving(lambda call, body: call.fail(503, "busy", retry_after_ms="10")) as server:
        assert "忙" in why(open_model(f"openai:m@{server.address}"))
        assert len(server.asked) == 3


def test_a_redirect_is_not_followed() -> None:
    with serving(lambda call, body: call.stream("好。")) as other:
        with serving(lambda call, body: call.fail(307, Location=f"{other.address}/chat/completions")) as server:
            assert "没有跟过去" in why(open_model(f"openai:m@{server.address}"))
        assert other.asked == []


# ---------------------------------------------------------------- stopping


def slowly(call: Call, body: dict[str, Any]) -> None:
    call.begin()
    for n in itertools.count():
        call.delta(content=f"{n}，")
        time.sleep(0.02)


def test_a_stop_ends_the_request_at_once() -> None:
    with serving(slowly) as server:
        stop = threading.Event()
        for seen, _ in enumerate(open_model(f"openai:m@{server.address}").write(ASKED, 50, stop.is_set)):
            if seen == 2:
                stop.set()
                stopped = time.monotonic()
        assert time.monotonic() - stopped < 0.5
        assert server.left.wait(5)


def test_a_stop_while_the_server_reads_the_prompt_does_not_wait_for_it() -> None:
    rest = threading.Event()
    with serving(lambda call, body: rest.wait(20) and None) as server:
        started = time.monotonic()
        drafts = list(
            open_model(f"openai:m@{server.address}").write(ASKED, 50, lambda: time.monotonic() - started > 0.2)
        )
        assert time.monotonic() - started < 2
        rest.set()
    assert drafts == []


def test_ten_stopped_answers_leave_no_thread_and_no_connection() -> None:
    with serving(slowly) as server:
        model = open_model(f"openai:m@{server.address}")
        for _ in range(10):
            writing = model.write(ASKED, 50, never)
            next(writing)
            writing.close()
        assert not [t for t in threading.enumerate() if t.name.startswith("writing")]
    assert len(server.asked) == 10


# ---------------------------------------------------------------- who answers


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    (folder / "夜校.md").write_text(ARTICLE, "utf-8")
    with rag.open(folder / "library") as library:
        library.add([folder / "夜校.md"])
    return folder / "library"


def test_a_reader_is_answered_by_the_server_with_citations(filled: Path) -> None:
    with (
        serving(lambda call, body: call.stream("首期", "招收学员126人。")) as server,
        rag.open(filled, engine=f"openai:qwen3:1.7b@{server.address}") as library,
    ):
        reply = library.ask(QUESTION)
    assert reply.engine == "qwen3:1.7b"
    assert reply.answer == "首期招收学员126人[1]。"
    assert reply.note is None
    assert "招收学员126人" in server.asked[0]["messages"][0]["content"]


def test_where_the_server_is_down_the_built_in_answer_is_given_and_that_is_said(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = f"openai:qwen3:1.7b@http://127.0.0.1:{free_port()}/v1"
    with rag.open(filled, engine=engine) as library:
        reply = library.ask(QUESTION)
    assert "126人" in reply.answer and reply.engine == "builtin"
    assert reply.note is not None and "qwen3:1.7b" in reply.note and "没有启动" in reply.note
    assert reply.to_json()["note"] == reply.note
    assert run(["ask", QUESTION, "--engine", engine, "--library", str(filled)]) == 0
    assert "这里是内置方式的回答" in capsys.readouterr().out


def test_an_answer_that_was_cut_keeps_its_proved_sentences_and_says_so(filled: Path) -> None:
    def answer(call: Call, body: dict[str, Any]) -> None:
        call.begin()
        call.delta(content="首期招收学员126人。授课的是")
        call.connection.shutdown(socket.SHUT_RDWR)

    with serving(answer) as server, rag.open(filled, engine=f"openai:m@{server.address}") as library:
        reply = library.ask(QUESTION)
    assert reply.engine == "m"
    assert reply.answer.startswith("首期招收学员126人[1]。")
    assert reply.note is not None and "没有写完" in reply.note


def test_made_up_figures_of_a_server_are_not_shown(filled: Path) -> None:
    with (
        serving(lambda call, body: call.stream("首期招收学员999人。")) as server,
        rag.open(filled, engine=f"openai:m@{server.address}") as library,
    ):
        reply = library.ask(QUESTION)
    assert "999" not in reply.answer and "126" in reply.answer
    assert reply.engine == "builtin" and reply.note is not None


def test_the_conversation_before_goes_along(filled: Path) -> None:
    with (
        serving(lambda call, body: call.stream("授课的是周敏。")) as server,
        rag.open(filled, engine=f"openai:m@{server.address}") as library,
    ):
        library.ask("青溪县科普夜校由谁授课？", history=[rag.Turn(QUESTION, "126人。")])
    assert f"问：{QUESTION}" in server.asked[0]["messages"][0]["content"]


def test_a_name_that_cannot_be_used_is_an_error_before_anything_is_asked(filled: Path) -> None:
    with rag.open(filled, engine="openai:m@http://192.0.2.1/v1") as library, pytest.raises(ModelUnusable):
        library.ask(QUESTION)


# ---------------------------------------------------------------- follow-ups

BEFORE = [rag.Turn(QUESTION, "126人。")]
TEACHER = "那边的课是谁来上的呢？"


def rewriting(body: dict[str, Any]) -> bool:
    return "改写后的问题" in body["messages"][0]["content"]


def asked_after(filled: Path, rewrite: Any, **more: Any) -> tuple[rag.Reply, list[dict[str, Any]]]:
    """The reply to a follow-up where the server rewrites as it is told, and what the server was asked."""

    def answer(call: Call, body: dict[str, Any]) -> None:
        if not rewriting(body):
            call.stream("授课的是县农技站站长周敏。")
        elif callable(rewrite):
            rewrite(call)
        else:
            call.stream(rewrite)

    with serving(answer) as server, rag.open(filled, engine=f"openai:m@{server.address}") as library:
        return library.ask(TEACHER, history=BEFORE, **more), server.asked


def test_a_follow_up_is_rewritten_by_the_model_and_shown(filled: Path) -> None:
    reply, asked = asked_after(filled, "改写：青溪县科普夜校的课是谁来上的？")
    assert reply.rewritten == "青溪县科普夜校的课是谁来上的？"
    assert (reply.question, reply.engine) == (TEACHER, "m") and "周敏" in reply.answer
    first, second = (body["messages"][0]["content"] for body in asked)
    assert f"最后的问题：{TEACHER}" in first and f"问：{QUESTION} 答：126人。" in first
    assert second.endswith("问题：青溪县科普夜校的课是谁来上的？")
    assert asked[0]["max_tokens"] <= 60 or asked[0].get("max_completion_tokens", 60) <= 60


@pytest.mark.parametrize(
    "rewrite",
    [
        "云岭县科普夜校的课是谁来上的？",
        "周敏。",
        "",
        lambda call: call.fail(400),
        lambda call: (call.begin(), call.connection.shutdown(socket.SHUT_RDWR)),
    ],
)
def test_where_the_model_rewrites_badly_or_not_at_all_the_rules_do(filled: Path, rewrite: Any) -> None:
    with rag.open(filled) as library:
        ruled = library.ask(TEACHER, history=BEFORE).rewritten
    assert ruled is not None and "夜校" in ruled
    reply, _ = asked_after(filled, rewrite)
    assert reply.rewritten == ruled
    assert "周敏" in reply.answer


def test_a_rewrite_that_takes_long_is_given_up_and_a_stop_ends_it(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag.answering import generative

    gone = threading.Event()
    monkeypatch.setattr(generative, "_REWRITING", 0.3)
    started = time.monotonic()
    reply, _ = asked_after(filled, lambda call: gone.wait(20))
    assert time.monotonic() - started < 10
    assert reply.rewritten and "周敏" in reply.answer and reply.engine == "m"
    monkeypatch.setattr(generative, "_REWRITING", 60.0)
    pressed = threading.Event()
    started = time.monotonic()
    reply, asked = asked_after(filled, lambda call: (pressed.set(), gone.wait(20)), stop=pressed.is_set)
    gone.set()
    assert time.monotonic() - started < 10
    assert reply.stopped and len(asked) == 1


def test_what_stands_alone_costs_no_call(filled: Path) -> None:
    with (
        serving(lambda call, body: call.stream("首期招收学员126人。")) as server,
        rag.open(filled, engine=f"openai:m@{server.address}") as library,
    ):
        library.ask(QUESTION, history=[rag.Turn("青溪县有几座水库？", "三座。")])
        library.ask(QUESTION)
    assert not any(rewriting(body) for body in server.asked) and len(server.asked) == 2
