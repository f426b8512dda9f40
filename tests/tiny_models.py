"""Real models of a few hundred kilobytes, made on the spot: a Qwen3 with two layers that recites a given text.

Its layers add nothing, and its last matrix maps each token to the one that follows it in the text: what it
writes is known, whatever the prompt was, and every step runs through transformers as a big model's would.
"""

from __future__ import annotations

import itertools
from pathlib import Path

END = "<|im_end|>"
SPECIAL = ["<|endoftext|>", "<|im_start|>", END]
TEMPLATE = (
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor -%}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n"
    "{%- if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif -%}"
)


def tokenizer(text: str, template: str | None = TEMPLATE) -> object:
    """Byte-level BPE as Qwen's: a character may be three tokens. The text's words become tokens of their own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    cut = Tokenizer(models.BPE())
    cut.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cut.decoder = decoders.ByteLevel()
    cut.train_from_iterator(
        [text] * 4,
        trainers.BpeTrainer(
            vocab_size=330,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            special_tokens=SPECIAL,
            show_progress=False,
        ),
    )
    whole = PreTrainedTokenizerFast(tokenizer_object=cut, eos_token=END, pad_token=SPECIAL[0], model_max_length=2048)
    whole.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    whole.add_tokens(["<think>", "</think>"])
    whole.chat_template = template
    return whole


def recite(folder: Path, text: str, *, forever: bool = False, template: str | None = TEMPLATE) -> Path:
    """A model's folder; the model writes `text`, once or without end. No two tokens of the text may be alike."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    cut = tokenizer(text, template)
    ids = cut(text, add_special_tokens=False)["input_ids"]
    before = cut("a\n" if template is None else "a\n\n", add_special_tokens=False)["input_ids"][-1]
    chain = [before, *ids, ids[0] if forever else cut.eos_token_id]
    assert len({before, *ids}) == len(ids) + 1, f"a token comes twice in {text!r}"

    torch.manual_seed(7)
    config = Qwen3Config(
        vocab_size=len(cut),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        eos_token_id=cut.eos_token_id,
        pad_token_id=cut.pad_token_id,
    )
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        torch.nn.init.normal_(model.model.embed_tokens.weight)
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.lm_head.weight.zero_()
        for a, b in itertools.pairwise(chain):
            model.lm_head.weight[b] += model.model.embed_tokens.weight[a]
    model.save_pretrained(folder)
    cut.save_pretrained(folder)
    return folder
