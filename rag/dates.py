"""Days as people write them come in, ISO goes out: 2025年2月26日, 二〇二五年二月, 2025/2/26, 20250226 in a file's name."""

from __future__ import annotations

import datetime
import re

from rag.text import fold


def chinese_number(word: str) -> int | None:
    """十二 → 12; None where it is no number up to 99 in Chinese."""
    digits = "〇一二三四五六七八九"
    if not re.fullmatch(r"[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九]", word):
        return None
    if "十" not in word:
        return digits.index(word)
    tens, _, ones = word.partition("十")
    return (digits.index(tens) if tens else 1) * 10 + (digits.index(ones) if ones else 0)


def iso_date(year: str, month: str, day: str) -> str | None:
    """ISO, where the three make a day of the calendar; Arabic or Chinese."""
    year = "".join(
        str("〇一二三四五六七八九".index(c)) if c in "〇一二三四五六七八九" else "0" if c in "○零" else c for c in year
    )
    try:
        return datetime.date(
            int(year), chinese_number(month) or int(month), chinese_number(day) or int(day)
        ).isoformat()
    except ValueError:
        return None


def iso_day(text: str | None) -> str | None:
    """2025-02-26, 2025年2月26日, 2025/2, 2025: the ISO form of the first date in it; None where there is none."""
    found = re.search(
        r"(?<!\d)((?:19|20)\d\d)(?:\s*[-/.年]\s*(1[0-2]|0?[1-9])(?!\d)(?:\s*[-/.月]\s*(3[01]|[12]\d|0?[1-9])(?!\d))?)?(?!\d)|(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d)",
        fold(text or ""),
    )
    if not found:
        return None
    year, month, day = (found[4], found[5], found[6]) if found[4] else (found[1], found[2], found[3])
    try:
        datetime.date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join(part.zfill(2) for part in (year, month, day) if part)


def date_in_name(name: str) -> str | None:
    """The day that a file's name states: 2024-10-16, 20241016, 2024年10月16日; None where it states none."""
    found = re.search(
        r"(?<![0-9a-zA-Z])((?:19|20)\d\d)([-_.年]?)(\d{1,2})([-_.月]?)(\d{1,2})日?(?![0-9a-zA-Z])", fold(name)
    )
    if not found or (not found[2] and (len(found[3]) < 2 or len(found[5]) < 2)):
        return None
    return iso_date(found[1], found[3], found[5])
