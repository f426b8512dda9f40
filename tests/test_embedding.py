"""The built-in embedding without torch and with it, and any other SentenceTransformer."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from rag import embedding, settings
from rag.embedding import OnnxEmbedder, TorchEmbedder, open_embedder, prompts_for
from rag.errors import ModelsNotInstalled, ModelUnusable

BUILTIN = settings.builtin_models() / embedding.FOLDER
TEXTS = [
    "水稻怎样防治稻瘟病？",
    "心脏骤停后要马上做胸外按压。",
    "天问一号在火星着陆。",
    "区科协发布了1900余篇推文。",
    "地震时要躲在结实的桌子下面，护住头，等晃动停了再离开。" * 4,
]
# Activations are rounded to int8 in the light path alone. Measured over 200 sentences: least .9950, mean .9971.
CLOSE = 0.99


@pytest.fixture(scope="module")
def builtin() -> embedding.Embedder:
    return open_embedder(threads=2)


def test_vectors_have_unit_length_and_the_models_dimension(builtin: embedding.Embedder) -> None:
    vectors = builtin.passages(TEXTS)
    assert vectors.shape == (len(TEXTS), builtin.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert builtin.passages([]).shape == (0, builtin.dimension)


def test_a_question_is_nearest_to_the_passage_that_answers_it(builtin: embedding.Embedder) -> None:
    passages = [
        "田间发现稻瘟病，可以喷三环唑，并控制氮肥。",
        "人心跳停了，旁人应立刻按压胸口、用除颤器。",
        "火星车祝融号行驶了一千多米。",
    ]
    asked = ["水稻得了病怎么治？", "有人心脏骤停怎么办？", "火星上的车开了多远？"]
    assert (builtin.questions(asked) @ builtin.passages(passages).T).argmax(1).tolist() == [0, 1, 2]


def test_traditional_script_and_wide_letters_give_the_vector_of_the_plain_text(builtin: embedding.Embedder) -> None:
    assert np.allclose(builtin.passages(["臺灣的ＡＩ技術發展"]), builtin.passages(["台湾的ai技术发展"]), atol=1e-5)


def test_order_and_neighbours_in_a_batch_hardly_change_a_vector(builtin: embedding.Embedder) -> None:
    together, reverse = builtin.passages(TEXTS), builtin.passages(TEXTS[::-1])[::-1]
    alone = np.concatenate([builtin.passages([t]) for t in TEXTS])
    assert np.allclose(together, reverse, atol=1e-5)
    assert (together * alone).sum(1).min() > CLOSE  # a batch shares the scale of its rounded activations


def test_a_text_past_the_limit_is_cut_not_refused(builtin: embedding.Embedder) -> None:
    assert np.isfinite(builtin.passages(["很长的文章。" * 3000])).all()


def test_the_name_carries_the_hash_of_the_weights_that_lie_there() -> None:
    card = json.loads((BUILTIN / "model.json").read_text("utf-8"))
    assert card["weights"] == hashlib.sha256((BUILTIN / "weights.safetensors").read_bytes()).hexdigest()
    assert open_embedder().name == f"e5-small-zh-{card['weights'][:12]}"


def test_built_in_models_are_small_enough_to_travel() -> None:
    files = [f for f in settings.builtin_models().rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    assert max(f.stat().st_size for f in files) < 40e6
    assert sum(f.stat().st_size for f in files) <= 80e6


def test_the_light_path_loads_no_torch() -> None:
    code = (
        "import sys; from rag.embedding import open_embedder; open_embedder(threads=1).questions(['天气']); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'sentence_transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(embedding.__file__).parent.parent).returncode == 0


def test_length_batches_hold_every_text_once_and_stay_within_the_bound() -> None:
    lengths = [5, 300, 17, 300, 1, 256, 90] * 9
    batches = embedding._batches(lengths)
    assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
    assert all(len(b) * max(lengths[i] for i in b) <= embedding.PIECES_AT_ONCE for b in batches)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "content", [{}, {"model.json": "{}", "model.onnx": "x"}, {"config.json": "{}"}, {"modules.json": "["}, None]
)
def test_a_folder_that_is_no_model_is_named_with_its_reason(tmp_path: Path, content: dict[str, str] | None) -> None:
    folder = tmp_path / "no-model"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    with pytest.raises(ModelUnusable) as caught:
        open_embedder(str(folder))
    assert str(folder) in str(caught.value)
    assert caught.value.exit_code == 6


def test_without_torch_another_model_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelsNotInstalled):
        open_embedder(str(tmp_path))


@pytest.mark.parametrize(
    ("model", "question", "passage"),
    [
        ("intfloat/multilingual-e5-base", "query: ", "passage: "),
        ("BAAI/bge-m3", "", ""),
        ("BAAI/bge-small-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", ""),
        ("/models/Qwen3-Embedding-0.6B", None, ""),
        ("some/other-model-zh", "", ""),
    ],
)
def test_well_known_models_get_the_prompts_they_learned(model: str, question: str | None, passage: str) -> None:
    given = prompts_for(model)
    assert given[1] == passage
    assert given[0] == question if question is not None else given[0].startswith("Instruct: ")


# ---------------------------------------------------------------- with torch


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SentenceTransformer of one small layer, with no prompts of its own."""
    pytest.importorskip("sentence_transformers")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted(set("".join(TEXTS) + "台湾臺灣querypassage: "))]
    cut = Tokenizer(models.WordLevel({c: i for i, c in enumerate(letters)}, unk_token="[UNK]"))
    cut.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(
        tokenizer_object=cut,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
    ).save_pretrained(folder / "bert")
    config = BertConfig(
        vocab_size=len(letters),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder / "bert")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = Transformer(str(folder / "bert"))
        SentenceTransformer(modules=[encoder, Pooling(32)], device="cpu").save(str(folder / "tiny-e5"))
        SentenceTransformer(
            modules=[encoder, Pooling(32)], device="cpu", prompts={"query": "问", "document": "文"}
        ).save(str(folder / "own"))
    return folder


@pytest.mark.models
def test_another_folder_opens_with_the_prompts_its_kind_needs(tiny: Path) -> None:
    model = open_embedder(str(tiny / "tiny-e5"), threads=1)
    assert isinstance(model, TorchEmbedder)
    assert model.dimension == 32
    assert np.allclose(np.linalg.norm(model.passages(TEXTS), axis=1), 1, atol=1e-5)
    plain = model._model.encode(["query: 台湾"], normalize_embeddings=True)
    assert np.allclose(model.questions(["台湾"]), plain, atol=1e-5)
    assert not np.allclose(model.questions(["台湾"]), model.passages(["台湾"]), atol=1e-3)
    assert np.allclose(model.questions(["臺灣"]), model.questions(["台湾"]), atol=1e-6)


@pytest.mark.models
def test_a_folders_own_prompts_come_first(tiny: Path) -> None:
    model = open_embedder(str(tiny / "own"), threads=1)
    assert isinstance(model, TorchEmbedder)
    assert np.allclose(model.passages(["台湾"]), model._model.encode(["文台湾"], normalize_embeddings=True), atol=1e-5)


@pytest.mark.models
def test_the_name_changes_with_the_weights(tiny: Path) -> None:
    import torch

    model = open_embedder(str(tiny / "tiny-e5"), threads=1)
    again = open_embedder(str(tiny / "tiny-e5"), threads=1)
    assert model.name == again.name
    assert isinstance(again, TorchEmbedder)
    with torch.no_grad():
        next(again._model.parameters()).add_(1)
    assert embedding._weights_hash(again._model) not in model.name


@pytest.mark.models
def test_a_hub_id_that_is_not_here_is_refused_and_not_fetched() -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(ModelUnusable, match="没有这个模型"):
        open_embedder("nobody/no-such-model")


@pytest.mark.models
@pytest.mark.slow
def test_the_built_in_folder_opens_with_sentence_transformers_and_both_give_the_same_vectors(
    builtin: embedding.Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("sentence_transformers")
    import transformers.dynamic_module_utils as dynamic

    monkeypatch.setattr(dynamic, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        full = transformers.SentenceTransformer(str(BUILTIN), device="cpu", trust_remote_code=True)
    assert (full.encode_document(TEXTS) * builtin.passages(TEXTS)).sum(1).min() > CLOSE
    assert (full.encode_query(TEXTS) * builtin.questions(TEXTS)).sum(1).min() > CLOSE
    full.save(str(tmp_path / "saved"))  # for fine-tuning: an ordinary folder from here on
    saved = open_embedder(str(tmp_path / "saved"), threads=2)
    assert (saved.passages(TEXTS) * builtin.passages(TEXTS)).sum(1).min() > CLOSE


def test_the_built_in_model_is_what_is_opened_when_nothing_is_named() -> None:
    assert isinstance(open_embedder(None), OnnxEmbedder)
    assert open_embedder("builtin").name == open_embedder(str(BUILTIN)).name
