"""A real GGUF file of some hundred kilobytes, made on the spot: a llama with one layer that recites a given text.

As in tiny_models.py its layer adds nothing, and its last matrix maps each token to the one that follows it.
"""

from __future__ import annotations

import itertools
from pathlib import Path

TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}:"


def recite(file: Path, text: str, *, forever: bool = False) -> Path:
    """No two characters of the text may be alike."""
    import gguf
    import numpy as np
    from tokenizers.pre_tokenizers import ByteLevel

    def spelled(piece: str) -> str:
        return "".join(s for s, _ in ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(piece))

    alphabet = sorted(ByteLevel.alphabet())
    tokens = [*alphabet]
    merges = []
    for character in text:  # each character becomes one token, byte by byte
        bytes_ = spelled(character)
        for n in range(2, len(bytes_) + 1):
            if bytes_[:n] not in tokens:
                tokens.append(bytes_[:n])
                merges.append(f"{bytes_[: n - 1]} {bytes_[n - 1]}")
    tokens += ["<|end|>"]
    end, size = len(tokens) - 1, 64
    ids = [tokens.index(spelled(character)) for character in text]
    before = tokens.index(spelled(":"))
    chain = [before, *ids, ids[0] if forever else end]
    assert len({before, *ids}) == len(ids) + 1, f"a character comes twice in {text!r}"

    rows = np.random.default_rng(7).normal(size=(len(tokens), size)).astype(np.float32)
    last = np.zeros_like(rows)
    for a, b in itertools.pairwise(chain):
        last[b] += rows[a]
    square, ones = np.zeros((size, size), np.float32), np.ones(size, np.float32)

    out = gguf.GGUFWriter(str(file), "llama")
    out.add_context_length(4096)
    out.add_embedding_length(size)
    out.add_block_count(1)
    out.add_feed_forward_length(size)
    out.add_head_count(2)
    out.add_head_count_kv(2)
    out.add_rope_dimension_count(32)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    out.add_token_merges(merges)
    out.add_token_types([1] * end + [3])
    out.add_eos_token_id(end)
    out.add_bos_token_id(end)
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)
    tensors = {"token_embd": rows, "output_norm": ones, "output": last, "blk.0.attn_norm": ones, "blk.0.ffn_norm": ones}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        tensors[f"blk.0.{name}"] = square
    for name, tensor in tensors.items():
        out.add_tensor(f"{name}.weight", tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return file
