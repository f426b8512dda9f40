"""`rag eval`: questions with known answers are asked over a library, and the replies are scored.

`measure` is the door: with nothing named it asks the sample questions over the sample library,
so that one command measures the installed product.
"""

from __future__ import annotations

from rag.evaluation.answers import Gold, Verdict, answered, ask_all, figures, judge, measure, read_questions
from rag.evaluation.picture import picture
from rag.evaluation.report import markdown, row, table

__all__ = [
    "Gold",
    "Verdict",
    "answered",
    "ask_all",
    "figures",
    "judge",
    "markdown",
    "measure",
    "picture",
    "read_questions",
    "row",
    "table",
]
