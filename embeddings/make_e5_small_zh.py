#!/usr/bin/env python3
"""Makes the built-in embedding: a BERT-like sentence-transformers model → trimmed → int8 ONNX + its weights once.

    python embeddings/make_e5_small_zh.py SOURCE [--out embeddings/e5-small-zh] [--name e5-small-zh]

SOURCE: a folder in sentence-transformers' format, or a hub id that this machine already has. A vocabulary over 60,000
pieces is cut to Chinese and Latin text first. Needs the extra `models`, and `onnx` (pip install onnx).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

TRIM_OVER = 60_000  # pieces: a vocabulary of one or two languages is smaller
LATIN_PIECES = 8_000  # of Latin letters, best scores first
LIMIT = 320  # pieces of a text that are read: a passage of 240 characters has about 180, a long sentence 300
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
GRAPH, WEIGHTS = "model.onnx", "weights.safetensors"


# ---------------------------------------------------------------- trimming


def kept_pieces(vocabulary: list[list[Any]]) -> list[int]:
    """Ids of the pieces that Chinese text needs: Han of both scripts, digits, punctuation, symbols, single letters of
    neighbouring scripts, and the best Latin pieces."""

    def script(c: str) -> str:
        if c == "▁" or (ord(c) < 128 and not c.isalpha()):
            return "always"
        if c in "〇々" or re.search("CJK.*IDEOGRAPH", unicodedata.name(c, "")):
            return "always"
        if ord(c) < 128:
            return "latin"
        if unicodedata.category(c)[0] in "PSZN" or "FULLWIDTH" in unicodedata.name(c, ""):
            return "always"
        return "single"

    always, latin = set(), []
    for i, (piece, score) in enumerate(vocabulary):
        body = piece.lstrip("▁")
        scripts = {script(c) for c in body}
        letter = len(body) == 1 and unicodedata.category(body)[0] == "L" and ord(body) < 0x3100
        if piece in SPECIAL or scripts <= {"always"} or letter:
            always.add(i)
        elif scripts == {"latin"}:
            latin.append((piece not in ("▁query", "▁passage"), -score, i))
    return sorted(always | {i for *_, i in sorted(latin)[:LATIN_PIECES]})


def trimmed(source: Path, out: Path) -> None:
    """Writes SOURCE to OUT with the vocabulary of a Unigram tokenizer cut by `kept_pieces`."""
    from transformers import AutoModel

    tokenizer = json.loads((source / "tokenizer.json").read_text("utf-8"))
    if tokenizer["model"]["type"] != "Unigram":
        raise SystemExit(f"{source}: only Unigram vocabularies can be trimmed, not {tokenizer['model']['type']}")
    keep = kept_pieces(tokenizer["model"]["vocab"])
    number = {old: new for new, old in enumerate(keep)}
    shutil.copytree(
        source, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.bin", "*.safetensors", "onnx", "openvino")
    )
    model = AutoModel.from_pretrained(source)
    rows = model.get_input_embeddings().weight.detach()[keep].clone()
    model.resize_token_embeddings(len(keep))
    model.get_input_embeddings().weight.data.copy_(rows)
    model.config.pad_token_id = number[model.config.pad_token_id]
    model.save_pretrained(out)
    tokenizer["model"]["vocab"] = [tokenizer["model"]["vocab"][i] for i in keep]
    tokenizer["model"]["unk_id"] = number[tokenizer["model"]["unk_id"]]
    for token in tokenizer["added_tokens"]:
        token["id"] = number[token["id"]]
    for token in tokenizer["post_processor"].get("special_tokens", {}).values():
        token["ids"] = [number[i] for i in token["ids"]]
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), "utf-8")


# ---------------------------------------------------------------- export


def export(source: Path, out: Path) -> None:
    """The encoder with mean pooling and unit length as one ONNX graph in fp32."""
    import torch
    from transformers import AutoModel

    class Sentence(torch.nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            keep = attention_mask.unsqueeze(-1).to(hidden.dtype)
            return torch.nn.functional.normalize((hidden * keep).sum(1) / keep.sum(1).clamp(min=1e-9), dim=1)

    model = AutoModel.from_pretrained(source, attn_implementation="eager").float().eval()
    ids = torch.randint(5, 100, (2, 16))
    axes = {name: {0: "texts", 1: "pieces"} for name in ("input_ids", "attention_mask")}
    torch.onnx.export(
        Sentence(model),
        (ids, torch.ones_like(ids)),
        str(out),
        input_names=list(axes),
        output_names=["sentence_embedding"],
        opset_version=17,
        dynamo=False,
        dynamic_axes=axes | {"sentence_embedding": {0: "texts"}},
    )


def quantised(fp32: Path, out: Path, table: str = "word_embeddings.weight") -> None:
    """int8: matrices per output channel, the word TABLE per row. Weights of 7 bits (reduce_range): processors without
    VNNI add two products in 16 bits, which 8-bit weights overflow (figures in the card)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = fp32.with_name("prepared.onnx")
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(
        str(prepared),
        str(out),
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        op_types_to_quantize=["MatMul", "Gemm"],
        extra_options={"MatMulConstBOnly": True},
    )
    model = onnx.load(out)
    graph = model.graph
    words = next(n for n in graph.node if n.op_type == "Gather" and n.input[0].endswith(table))
    held = next(t for t in graph.initializer if t.name == words.input[0])
    rows = numpy_helper.to_array(held)
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9).astype(np.float32) / 127
    graph.initializer.remove(held)
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.rint(rows / scale).astype(np.int8), held.name + "_quantized"),
            numpy_helper.from_array(scale, held.name + "_scale"),
        ]
    )
    at = list(graph.node).index(words)
    graph.node.remove(words)
    ids, gathered = words.input[1], words.output[0]
    for i, node in enumerate(
        (
            helper.make_node("Gather", [held.name + "_quantized", ids], [gathered + "_int8"], name="words/int8"),
            helper.make_node(
                "Cast", [gathered + "_int8"], [gathered + "_float"], name="words/float", to=TensorProto.FLOAT
            ),
            helper.make_node("Gather", [held.name + "_scale", ids], [gathered + "_scale"], name="words/scale"),
            helper.make_node("Mul", [gathered + "_float", gathered + "_scale"], [gathered], name="words/scaled"),
        )
    ):
        graph.node.insert(at + i, node)
    onnx.save(model, out)


def named_after_bert(graph: Any) -> None:
    """Renames initialisers to the BertModel parameters they hold: `encoder.layer.0.output.dense.weight_quantized`."""
    names = {t.name: t.name.removeprefix("model.") for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            place = node.name.removeprefix("/model/").rsplit("/MatMul", 1)[0].replace("/", ".")
            stem = node.input[1].removesuffix("_quantized")
            names.update({f"{stem}_{part}": f"{place}.weight_{part}" for part in ("quantized", "scale", "zero_point")})
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)


def shared_weights(model: Path, out: Path) -> str:
    """Moves the parameters of MODEL into one safetensors file that the graph points into, so that torch reads the very
    same bytes (`int8.py`). Returns their sha256."""
    import onnx
    from onnx import numpy_helper
    from onnx.external_data_helper import set_external_data

    loaded = onnx.load(model)
    named_after_bert(loaded.graph)
    kinds = {"int8": "I8", "float32": "F32"}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    blob = bytearray()
    outside = [
        t
        for t in loaded.graph.initializer
        if t.name.startswith(("embeddings.", "encoder."))
        and not t.name.endswith("_zero_point")
        and numpy_helper.to_array(t).dtype.name in kinds
    ]
    for tensor in outside:
        array = np.ascontiguousarray(numpy_helper.to_array(tensor))
        blob.extend(b"\0" * (-len(blob) % 64))
        header[tensor.name] = {
            "dtype": kinds[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(blob), len(blob) + array.nbytes],
        }
        blob.extend(array.tobytes())
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))  # as bytes: what can be moved outside
    head = json.dumps(header).encode()
    head += b" " * (-(8 + len(head)) % 64)
    content = len(head).to_bytes(8, "little") + head + bytes(blob)
    (out / WEIGHTS).write_bytes(content)
    for tensor in outside:
        begin, end = header[tensor.name]["data_offsets"]
        set_external_data(tensor, WEIGHTS, 8 + len(head) + begin, end - begin)
        tensor.ClearField("raw_data")
    onnx.save(loaded, out / GRAPH)
    return hashlib.sha256(content).hexdigest()


def describe(source: Path, out: Path, name: str, digest: str) -> None:
    """What both ways of opening need to know: model.json for the light path, modules.json for sentence-transformers."""
    config = json.loads((source / "config.json").read_text("utf-8"))
    own = source / "config_sentence_transformers.json"
    prompts = json.loads(own.read_text("utf-8")).get("prompts", {}) if own.is_file() else {}
    question, passage = prompts.get("query", ""), prompts.get("passage", prompts.get("document", ""))

    def write(path: Path, value: Any) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n", "utf-8")

    shutil.copy(source / "tokenizer.json", out / "tokenizer.json")
    write(
        out / "model.json",
        {
            "name": name,
            "weights": digest,
            "dimension": config["hidden_size"],
            "limit": LIMIT,
            "question": question,
            "passage": passage,
            "pad": config.get("pad_token_id", 1),
        },
    )
    for key in ("architectures", "transformers_version", "torch_dtype", "dtype", "_name_or_path"):
        config.pop(key, None)
    write(out / "0_Bert" / "config.json", config)
    write(
        out / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": config["hidden_size"],
            "pooling_mode_mean_tokens": True,
            "pooling_mode_cls_token": False,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    )
    modules = (
        ("0_Bert", "int8.Int8Bert"),
        ("1_Pooling", "sentence_transformers.models.Pooling"),
        ("2_Normalize", "sentence_transformers.models.Normalize"),
    )
    write(
        out / "modules.json",
        [{"idx": i, "name": str(i), "path": path, "type": kind} for i, (path, kind) in enumerate(modules)],
    )
    write(out / "2_Normalize" / "config.json", {})
    write(
        out / "config_sentence_transformers.json",
        {
            "prompts": {"query": question, "passage": passage, "document": passage},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "e5-small-zh")
    parser.add_argument("--name", default="e5-small-zh")
    options = parser.parse_args()
    source = Path(options.source)
    if not source.is_dir():
        from huggingface_hub import snapshot_download

        source = Path(snapshot_download(options.source, local_files_only=True))
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if len(json.loads((source / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]) > TRIM_OVER:
            trimmed(source, work / "trimmed")
            source = work / "trimmed"
        export(source, work / "fp32.onnx")
        quantised(work / "fp32.onnx", work / "int8.onnx")
        describe(source, options.out, options.name, shared_weights(work / "int8.onnx", options.out))
    for path in sorted(options.out.iterdir()):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
