"""Real models of a few hundred kilobytes, made on the spot: a Qwen3 with two layers that recites a given text, a BERT that
scores a passage by how much of it is one character.

The Qwen3's layers add nothing, and its last matrix maps each token to the one that follows it in the text: what it
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


def prefers(folder: Path, character: str, others: str, *, outputs: int = 1) -> Path:
    """A cross-encoder's folder, as bge-reranker's: the more of a passage is `character`, the higher its score.

    `others`: characters that it knows besides; none else are told apart.
    """
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *dict.fromkeys(character + others)]
    cut = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    cut.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    cut.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    whole = PreTrainedTokenizerFast(
        tokenizer_object=cut, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=512,
    )  # fmt: skip
    config = BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        num_labels=outputs,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        for module in model.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.weight.fill_(1.0)
        letters, layer = model.bert.embeddings.word_embeddings.weight, model.bert.encoder.layer[0]
        letters[:, 1] = 1.0
        letters[words.index(character), :2] = torch.tensor([1.0, 0.0])
        for square in (layer.attention.self.value, layer.attention.output.dense, model.bert.pooler.dense):
            square.weight.copy_(torch.eye(8))  # each token looks at all alike
        model.classifier.weight[:, 0] = 4.0
    model.save_pretrained(folder)
    whole.save_pretrained(folder)
    return folder
