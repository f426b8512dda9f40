"""Opens this folder with sentence-transformers: the int8 weights that the ONNX graph reads, as a BertModel in fp32.

`SentenceTransformer(folder, trust_remote_code=True)` imports this file. What it gives is an ordinary model: it can be
fine-tuned, and saves in the ordinary format.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path


def parameters(folder: Path) -> dict:
    """The BertModel's parameters in fp32: name → tensor; matrices are stored transposed, as (in, out)."""
    from safetensors.torch import load_file

    held = load_file(folder / "weights.safetensors")
    state = {}
    for name, tensor in held.items():
        if name.endswith("_quantized"):
            stem = name.removesuffix("_quantized")
            whole = tensor.float() * held[stem + "_scale"]
            state[stem] = whole if stem.startswith("embeddings.") else whole.T.contiguous()
        elif not name.endswith("_scale"):
            state[name] = tensor
    return state


def write(folder: Path, out: Path) -> None:
    """The encoder as transformers has it: config.json, model.safetensors, tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    config = json.loads((folder / "0_Bert" / "config.json").read_text("utf-8"))
    limit = json.loads((folder / "model.json").read_text("utf-8"))["limit"]
    model = BertModel(BertConfig(**config))
    missing, unexpected = model.load_state_dict(parameters(folder), strict=False)
    unknown = [name for name in missing if not name.startswith("pooler.") and not name.endswith("_ids")]
    if unknown or unexpected:
        raise ValueError(f"{folder}: weights and configuration differ: {unknown}, {unexpected}")
    with torch.no_grad():  # mean pooling does without it; random numbers would differ from save to save
        model.pooler.dense.weight.zero_()
        model.pooler.dense.bias.zero_()
    model.save_pretrained(out)
    PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_max_length=limit,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        mask_token="<mask>",
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    ).save_pretrained(out)


class Int8Bert:
    """Named by modules.json; what `load` returns is sentence-transformers' own Transformer."""

    @staticmethod
    def load(path: str) -> object:
        try:
            from sentence_transformers.sentence_transformer.modules import Transformer
        except ImportError:  # before sentence-transformers 6
            from sentence_transformers.models import Transformer

        folder = Path(path).parent
        with tempfile.TemporaryDirectory() as work:
            write(folder, Path(work))
            return Transformer(work)
