"""How the gate is measured: the packaged sentences are what they say, and figures count what they say."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from rag import settings
from rag.answering.gate import Fault
from rag.cli import run
from rag.errors import BadBatchLine, PathMissing
from rag.evaluation.gate import Claim, Judged, by_kind, figures, judge, read_claims, verdict
from rag.text import sentences, words
from rag.words import catalogue

CLAIMS = read_claims()


def claim(kind: str, supported: bool, half: str | None = None) -> Claim:
    return Claim("1", "共有12人。", "共有12人到场。", kind, supported, half)  # type: ignore[arg-type]


def test_the_packaged_sentences_are_at_least_two_hundred_of_many_kinds_in_two_halves() -> None:
    assert len(CLAIMS) >= 200 and len({c.id for c in CLAIMS}) == len(CLAIMS)
    assert sum(c.supported for c in CLAIMS) >= 100
    assert len({c.kind for c in CLAIMS}) >= 20
    assert {c.half for c in CLAIMS} == {"tuned", "held_out"}
    assert not {a for c in CLAIMS if c.half == "tuned" for a in c.articles[:1]} & {
        a for c in CLAIMS if c.half == "held_out" for a in c.articles[:1]
    }


def test_every_evidence_stands_in_its_article_and_every_copy_in_its_evidence() -> None:
    texts = {p.name: p.read_text("utf-8") for p in (settings.samples() / "articles").glob("*.md")}
    for c in CLAIMS:
        whole = "\n".join(texts[name] for name in c.articles)
        assert all(part in whole for part in c.evidence.split("\n")), c.id
        assert c.kind != "copy" or c.sentence.rstrip("。") in c.evidence, c.id


def test_every_kind_has_a_name_that_people_read() -> None:
    assert {f"eval.claims.{c.kind}" for c in CLAIMS} <= set(catalogue("zh"))


def test_a_line_is_answered_as_the_contract_has_it() -> None:
    good = verdict({"id": 1, "sentence": "共有12人。", "evidence": "共有12人到场。"})
    assert good == {"supported": True, "faults": []}
    bad = verdict({"id": 1, "sentence": "共有13人。", "evidence": "共有12人到场。"})
    assert bad == {"supported": False, "faults": [{"kind": "number", "said": "13人", "found": "12人"}]}
    with pytest.raises(BadBatchLine):
        verdict({"id": 1, "sentence": "共有12人。"})


def test_the_command_answers_a_batch_line_by_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ['{"id": "a", "sentence": "共有13人。", "evidence": "共有12人到场。"}', '{"id": "b", "sentence": "x"}', "{"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert run(["eval", "gate", "--json", "--batch", "-"]) == 0
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["id"] == "a" and first["supported"] is False
    assert second["error"]["kind"] == third["error"]["kind"] == "bad_batch_line"


def test_figures_count_faults_caught_and_true_sentences_stopped() -> None:
    fault = (Fault("number", "13"),)
    judged = [
        Judged(claim("digit", False, "tuned"), fault),
        Judged(claim("digit", False, "held_out"), ()),
        Judged(claim("copy", True, "tuned"), ()),
        Judged(claim("copy", True, "held_out"), fault),
    ]
    measured = figures(judged)
    assert (measured["caught"], measured["false_alarms"]) == (0.5, 0.5)
    assert (measured["caught_tuned"], measured["false_alarms_held_out"]) == (1.0, 1.0)
    assert [kind for kind, _ in by_kind(judged)] == ["copy", "digit"]
    assert dict(by_kind(judged))["digit"]["right"] == 0.5


def test_sentences_of_your_own_are_read_and_bad_lines_named(tmp_path: Path) -> None:
    path = tmp_path / "claims.jsonl"
    path.write_text(
        '{"sentence": "共有12人。", "evidence": "共有12人。", "kind": "copy", "supported": true}\n{"a": 1}\n'
    )
    with pytest.raises(BadBatchLine) as bad:
        read_claims(path)
    assert bad.value.fields["line"] == 2
    path.write_text(path.read_text("utf-8").split("\n")[0], "utf-8")
    assert judge(read_claims(path))[0].right
    with pytest.raises(PathMissing):
        read_claims(tmp_path / "none.jsonl")


def test_every_sentence_of_the_sample_articles_is_borne_out_by_its_paragraph() -> None:
    """What the built-in answerer quotes passes the gate, all of it."""
    judged = 0
    for path in sorted((settings.samples() / "articles").glob("*.md")):
        for paragraph in path.read_text("utf-8").split("---\n\n", 1)[1].split("\n"):
            for start, end in sentences(paragraph):
                if words(paragraph[start:end]):
                    assert verdict({"sentence": paragraph[start:end], "evidence": paragraph})["supported"], paragraph
                    judged += 1
    assert judged > 1300
