"""A question as people write for a set comes in, the same as people talk goes out: other words, and fewer of them."""

from __future__ import annotations

import random
import re
from collections import defaultdict

from rag import spoken
from rag.question import understand
from rag.text import fold

# Asking words that mean the same; the first is what sets ask with.
ASKING = (
    ("哪一年", "哪年", "几几年", "什么时候"),
    ("什么时候", "啥时候", "几时", "哪天", "何时"),
    ("哪里", "哪儿", "什么地方", "在哪"),
    ("什么", "啥"),
    ("为什么", "为啥", "咋"),
    ("如何", "怎么", "怎样", "咋"),
    ("多少", "几"),
    ("哪位", "谁", "哪个人"),
    ("是谁", "是哪位", "叫什么"),
)
_SPOKEN: dict[str, list[str]] = defaultdict(list)
for _said, _printed in spoken.PRINTED.items():
    for _word in _printed.split():
        if len(_word) > 1:
            _SPOKEN[_word].append(_said)


def loosened(question: str, chance: random.Random) -> str:
    """Spoken words for printed ones (half of the time each), another asking word, and without one or two of its words:
    people who talk name less than people who write questions for a set."""
    asked = fold(question)
    for word, said in _SPOKEN.items():
        if word in asked and chance.random() < 0.5:
            asked = asked.replace(word, chance.choice(said), 1)
    for same in ASKING:
        held = next((word for word in same if word in asked), None)
        if held and chance.random() < 0.5:
            asked = asked.replace(held, chance.choice(same), 1)
    words = [w for w, weight in understand(asked).terms if weight >= 0.3 and len(w) > 1 and w in asked]
    for word in chance.sample(words, min(chance.choice((0, 1, 1, 2)), max(0, len(words) - 2))):
        asked = asked.replace(word, "", 1)
    return re.sub(r"[?？]$", "", asked) if chance.random() < 0.5 else asked
