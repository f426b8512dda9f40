"""A cross-encoder puts the passages in order where one is chosen; where it can't, the built-in order stands and is said."""

from __future__ import annotations

import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from errands import over
from hub_server import hub_with
from tiny_models import prefers, recite

import rag
from rag import choosing, settings
from rag.chat.machine import Machine
from rag.chat.markup.answers import bars
from rag.cli import run
from rag.errors import ModelUnusable, Usage
from rag.reranking import AT_ONCE, Reranker, is_reranker
from rag.settings import BUILTIN
from rag.words import say

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

ASKED = "月湖边上种了什么？"
STORIES = {
    "柳.txt": "月湖边上种了柳树。管湖的人说，月湖边上的柳树有三百棵。",
    "鱼.txt": "月湖里养鱼。鱼有鲢鱼、草鱼、鲤鱼、鲫鱼，鱼苗是三月放的。",
    "鸟.txt": "月湖上飞来了天鹅，一共五只，住了两个星期。",
}
LETTERS = "".join(dict.fromkeys(ASKED + "".join(STORIES.values())))


@pytest.fixture(scope="module")
def fond(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder that likes fish."""
    return prefers(tmp_path_factory.mktemp("reranker") / "fond-of-fish", "鱼", LETTERS)


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "files").mkdir()
    for name, text in STORIES.items():
        (tmp_path / "files" / name).write_text(text, "utf-8")
    with rag.open(tmp_path / "library") as library:
        library.add([tmp_path / "files"])
    monkeypatch.setenv("RAG_LIBRARY", str(tmp_path / "library"))
    return tmp_path / "library"


def order() -> list[str]:
    with rag.open() as library:
        return [hit.source for hit in library.search(ASKED).hits]


def test_scores_are_those_of_the_cross_encoder_in_order(fond: Path) -> None:
    from sentence_transformers import CrossEncoder

    texts = [*STORIES.values()] * 3
    found = Reranker(str(fond), 1).scores(ASKED, texts, 60)
    theirs = CrossEncoder(str(fond), device="cpu").predict([(ASKED, text) for text in texts])
    assert found == pytest.approx(theirs.tolist(), abs=1e-5)
    assert all(0 <= score <= 1 for score in found)
    assert max(found) == found[1] > found[0], "it likes fish"


def test_what_is_not_read_in_time_has_no_score(fond: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reranker = Reranker(str(fond), 1)
    assert reranker.scores(ASKED, ["鱼"], 0) == []
    clock = iter([0.0, 0.0, 0.0, 9.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert len(reranker.scores(ASKED, ["鱼"] * 10, 5.0)) == AT_ONCE


def test_the_chosen_model_orders_what_is_found(filled: Path, fond: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = order()
    assert before[0] == "柳.txt"
    assert run(["models", "use", str(fond)]) == 0
    assert "排先后" in capsys.readouterr().out
    assert order()[0] == "鱼.txt"
    with rag.open() as library:
        found = library.search(ASKED)
        assert {hit.why.reranker for hit in found.hits} == {"fond-of-fish"}
        assert [hit.score for hit in found.hits] == sorted((hit.why.rerank for hit in found.hits), reverse=True)
        assert found.note is None
        reply = library.ask(ASKED)
        assert (reply.hits[0].source, reply.note) == ("鱼.txt", None)
        assert "柳树" in reply.answer, "what answers is decided by reading, not by the order"
    assert run(["search", ASKED, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["note"] is None and told["hits"][0]["why"]["reranker"] == "fond-of-fish"
    assert run(["models", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["id"] for row in rows if row["used"]] == [BUILTIN, BUILTIN, str(fond)]
    assert run(["models", "use", "builtin", "--reranker"]) == 0
    assert order() == before


def test_the_environment_stands_above_the_choice(filled: Path, fond: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choosing.use(str(fond))
    monkeypatch.setenv("RAG_RERANKER", BUILTIN)
    assert order()[0] == "柳.txt"
    with rag.open() as library:
        with pytest.raises(Usage, match="RAG_RERANKER"):
            choosing.use_in(library, str(fond), "reranker")
        assert "这一项在启动时已经指定" in Machine(library, say).models()


@pytest.mark.parametrize("broken", ["gone", "cut", "nan"])
def test_what_breaks_leaves_the_built_in_order_and_is_said(
    filled: Path, fond: Path, tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, copy = order(), tmp_path / "fond-of-fish"
    shutil.copytree(fond, copy)
    choosing.use(str(copy))
    if broken == "gone":
        shutil.rmtree(copy)
    elif broken == "cut":
        weights = copy / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:500])
    else:
        monkeypatch.setattr(Reranker, "scores", scores_that_are_none(Reranker.scores))
    with rag.open() as library:
        for _ in range(2):
            found, reply = library.search(ASKED), library.ask(ASKED)
            assert [hit.source for hit in found.hits] == before
            assert {hit.why.reranker for hit in found.hits} == {None}
            for note in (found.note, reply.note):
                assert note and "fond-of-fish" in note and "内置的排法" in note
            assert "柳树" in reply.answer


def scores_that_are_none(scores: Any) -> Any:
    def told(self: Reranker, *given: Any) -> list[float]:
        with torch.no_grad():
            for weight in self._model.parameters():
                weight.fill_(math.nan)
        return list(scores(self, *given))

    return told


def test_what_takes_too_long_orders_what_it_read_and_says_so(
    filled: Path, fond: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choosing.use(str(fond))
    monkeypatch.setattr(Reranker, "scores", lambda self, question, texts, seconds: [0.2, 0.9])
    with rag.open() as library:
        plain = [hit.source for hit in library._retrieve(asked(), 10, rag.library.ANY, lambda *_: None)]  # type: ignore[arg-type]
        found = library.search(ASKED)
        assert [hit.source for hit in found.hits] == [plain[1], plain[0], plain[2]]
        assert found.note and "前 2 段" in found.note


def asked() -> Any:
    from rag.question import understand

    return understand(ASKED)


def test_nothing_is_chosen_that_cannot_order(filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = recite(tmp_path / "writer", "今天天气好")
    three = prefers(tmp_path / "three", "鱼", LETTERS, outputs=3)
    for model in (str(writer), str(three), "BAAI/bge-reranker-base", str(tmp_path)):
        assert run(["models", "use", model, "--reranker"]) == 6, model
        assert capsys.readouterr().err
    with rag.open() as library:
        assert library.reordering.named == BUILTIN


def test_a_reranker_is_told_from_what_writes_and_embeds(fond: Path, tmp_path: Path) -> None:
    for name, files, kind in (
        ("qwen3", {"config.json": {"architectures": ["Qwen3ForCausalLM"]},
                   "modules.json": [{"type": "sentence_transformers.cross_encoder.modules.LogitScore"}]}, True),
        ("saved", {"config_sentence_transformers.json": {"model_type": "CrossEncoder"}, "modules.json": []}, True),
        ("embeds", {"config.json": {"architectures": ["BertModel"]}, "modules.json": []}, False),
        ("writes", {"config.json": {"architectures": ["Qwen3ForCausalLM"]}}, False),
        ("odd", {"config.json": []}, False),
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        for file, told in files.items():
            (tmp_path / name / file).write_text(json.dumps(told))
        assert is_reranker(tmp_path / name) == kind, name
    assert choosing.kind_of(str(fond)) == choosing.kind_of("Qwen/Qwen3-Reranker-0.6B") == "reranker"


def test_one_that_scores_by_yes_and_no_orders_too(tmp_path: Path) -> None:
    """As Qwen3-Reranker: a language model, whose leaning to yes is the score."""
    from sentence_transformers import CrossEncoder

    writer = recite(tmp_path / "writer", "yes no")
    template = "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}"
    ids = {"true_token_id": 5, "false_token_id": 6}
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    whole = CrossEncoder(
        modules=[
            Transformer(str(writer), transformer_task="text-generation", processor_kwargs={"chat_template": template}),
            LogitScore(**ids),
        ]
    )
    whole.save_pretrained(str(tmp_path / "reranker"))
    assert is_reranker(tmp_path / "reranker")
    texts = [*STORIES.values()]
    found = Reranker(str(tmp_path / "reranker"), 1).scores(ASKED, texts, 60)
    theirs = whole.predict([(ASKED, text) for text in texts], activation_fn=torch.nn.Sigmoid())
    assert found == pytest.approx(theirs.tolist(), abs=1e-5)
    shutil.copytree(tmp_path / "reranker", tmp_path / "plain")
    (tmp_path / "plain" / "chat_template.jinja").write_text("{{ messages[0].content if messages[0].role == 'user' }}")
    plain = Reranker(str(tmp_path / "plain"), 1)
    with pytest.raises(ModelUnusable):  # the template of a chat takes no question with a passage
        plain.scores(ASKED, texts, 60)


def test_a_reranker_is_pulled_used_and_taken_away_on_the_page_too(
    filled: Path, fond: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {path.name: path.read_bytes() for path in fond.iterdir()}
    with hub_with("Tiny/Reranker", files) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        assert run(["models", "pull", "Tiny/Reranker"]) == 0
    with rag.open() as library:
        machine = Machine(library, say)
        assert (
            'data-kind="reranker" data-model="Tiny/Reranker"' in machine.models() or "Tiny/Reranker" in machine.models()
        )
        assert machine.begin("use", {"model": "Tiny/Reranker", "kind": "reranker"}) is None
        assert "排先后" in over(machine)
        found = library.search(ASKED)
        assert (found.hits[0].source, found.hits[0].why.reranker) == ("鱼.txt", "Reranker")
        assert f"{found.hits[0].why.rerank:.2f}" in bars(say, found.hits[0], found.hits)
    capsys.readouterr()
    assert run(["models", "remove", "Tiny/Reranker"]) == 0
    assert "内置的排法" in capsys.readouterr().out
    assert settings.pulled("Tiny/Reranker") is None
    assert order()[0] == "柳.txt"
