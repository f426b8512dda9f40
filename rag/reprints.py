"""Articles that were printed again are known: each goes in with its text, pairs that say the same come out of it.

MinHash over runs of four characters finds who may be alike; the texts themselves decide. A reprint may leave figures
out but brings no others: a market note of the next day is no reprint, however alike. SQL of the store's back rooms.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import sqlalchemy as sa

from rag import fetching
from rag import tables as t
from rag.text import fold, numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# rensa: MinHash in Rust, MIT, nothing but itself (0.5 MB). datasketch wants scipy (35 MB) and hashes run by run in
# Python; text-dedup is a program over Spark. All of 39,714 news take 1.4 s of one core.
RULES = "1"  # counted up when anything below decides otherwise: libraries are then compared anew
# Jaccard of the runs. Of 6,300 pairs past it among 39,714 news 896 bring other figures (market notes) and are kept
# apart; of the others 5,249 share half of their sentences, and of the last 155 those that were read (14) are reprints.
ALIKE = 0.7
WITHIN = 0.8  # share of a passage's runs that the other article has
_RUN = 4  # characters
_LEAST = 8  # runs, below which a text says too little to be told from others
_BANDS, _ROWS = 8, 4  # of 100 pairs of .8 98 share a band, of .7 89, of .2 one; of those news 5,249 of 5,318 were found
_SEED = 20
_CROWD = 50  # articles under one band, past which no more are noted there: forms filled in by the thousand
_LOOKED_AT = 20  # candidates of an article that are compared, those with most bands first
_SHORTER = 0.4  # of the longer one's length, spaces and all: only the beginnings of long texts are compared
_LONGEST = 100_000  # characters of a text that are compared: past that it is a book
_MOST = 1_000_000  # characters whose runs are held at once: 60 MB
_AT_ONCE = 500


# ---------------------------------------------------------------- texts


def rules() -> str:
    """By which pairs were found: those of here, and rensa's way of hashing."""
    import rensa

    return f"{RULES}-{rensa.RMinHash.ALGORITHM_VERSION}"


def alike(a: str, b: str) -> bool:
    """One is a reprint of the other."""
    return _alike(a, b, *_sets((a, b)))


def within(part: str, whole: str) -> bool:
    """The part says nothing that the whole does not say in the same words."""
    x, y = _sets((part, whole))
    return bool(len(x)) and _shared(x, y) >= WITHIN * len(x) and _figures(part) <= _figures(whole)


def _alike(a: str, b: str, x: NDArray[np.uint64], y: NDArray[np.uint64]) -> bool:
    """Two texts with the sets of their runs."""
    if min(len(x), len(y)) < _LEAST or min(len(a), len(b)) < _SHORTER * max(len(a), len(b)):
        return False
    both = _shared(x, y)
    if both < ALIKE * (len(x) + len(y) - both):
        return False
    said, there = _figures(a), _figures(b)
    return said <= there or there <= said


def _shared(x: NDArray[np.uint64], y: NDArray[np.uint64]) -> int:
    import numpy as np

    return len(np.intersect1d(x, y, assume_unique=True))


def _figures(text: str) -> set[str]:
    return {number.canonical for number in numbers(text)}


@cache
def _plane() -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """For each character below 0x10000: itself folded, and whether it is a letter or a digit."""
    import numpy as np

    every = "".join(chr(i) if not 0xD800 <= i < 0xE000 else "\ufffd" for i in range(0x10000))
    folded = fold(every)
    codes = np.frombuffer(folded.encode("utf-32-le"), np.uint32).astype(np.uint64)
    return codes, np.array([c.isalnum() for c in folded])


def _hashes(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Hashes of all runs of folded letters and digits, text after text; where each text's begin, and the end."""
    import numpy as np

    codes = [np.frombuffer(text[:_LONGEST].encode("utf-32-le", "surrogatepass"), np.uint32) for text in texts]
    of = np.repeat(np.arange(len(texts)), [len(c) for c in codes])
    c = np.concatenate([*codes, np.empty(0, np.uint32)]).astype(np.uint64)
    folded, wordlike = _plane()
    low = c < len(folded)
    kept = np.ones(len(c), np.bool_)
    kept[low] = wordlike[c[low]]
    c[low] = folded[c[low]]
    c, of = c[kept], of[kept]
    n = max(0, len(c) - _RUN + 1)
    h = np.zeros(n, np.uint64)
    for i in range(_RUN):
        h = (h ^ (h >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + c[i : i + n]
    h = (h ^ (h >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    whole = of[:n] == of[len(of) - n :]  # no run crosses from a text into the next
    ends = np.searchsorted(of[:n][whole], np.arange(len(texts) + 1))
    return h[whole], ends.astype(np.uint64)


def _portions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in order, so many at once that their runs can be held."""
    first = held = 0
    for n, text in enumerate(texts):
        if held + min(len(text), _LONGEST) > _MOST:
            yield texts[first:n]
            first, held = n, 0
        held += min(len(text), _LONGEST)
    if first < len(texts):
        yield texts[first:]


def _sets(texts: Sequence[str]) -> list[NDArray[np.uint64]]:
    import numpy as np

    found = []
    for some in _portions(texts):
        runs, ends = _hashes(some)
        found += [np.unique(runs[a:b]) for a, b in pairwise(ends.tolist())]
    return found


def _bands(texts: Sequence[str]) -> list[list[int]]:
    """Under which numbers each text is looked for; none for a text of a few characters."""
    return [keys for some in _portions(texts) for keys in _bands_of(some)]


def _bands_of(texts: Sequence[str]) -> list[list[int]]:
    import numpy as np
    import rensa

    runs, ends = _hashes(texts)
    found = rensa.RMinHash.digest_matrix_from_flat_token_hashes(runs, ends, _BANDS * _ROWS, _SEED).to_rows()
    rows = np.asarray(found, np.uint64).reshape(len(texts), _BANDS, _ROWS)
    keys = np.broadcast_to(np.arange(1, _BANDS + 1, dtype=np.uint64), rows.shape[:2])
    for i in range(_ROWS):
        keys = (keys ^ (keys >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + rows[:, :, i]
    said = np.diff(ends.astype(np.int64)) >= _LEAST
    return [row if some else [] for row, some in zip(keys.view(np.int64).tolist(), said.tolist(), strict=True)]


# ---------------------------------------------------------------- tables


def note(c: sa.Connection, fresh: Sequence[tuple[int, str]]) -> None:
    """Articles that are in the table now, (row, text): what they are found by, and which older ones they are like."""
    found = _bands([text for _, text in fresh])
    there: dict[int, list[int]] = defaultdict(list)
    b = t.bands.c
    for some in fetching.chunks(sorted({key for keys in found for key in keys})):
        for band, article in c.execute(sa.select(b.band, b.article).where(b.band.in_(some)).order_by(b.article)):
            there[band].append(article)
    rows: list[dict[str, int]] = []
    candidates: dict[int, list[int]] = {}
    for (row, _), keys in zip(fresh, found, strict=True):
        met: Counter[int] = Counter()
        for key in keys:
            met.update(there[key])
            if len(there[key]) < _CROWD:
                there[key].append(row)
                rows.append({"band": key, "article": row})
        if met:
            candidates[row] = sorted(met, key=lambda other: (-met[other], other))[:_LOOKED_AT]
    if rows:
        c.execute(sa.insert(t.bands), rows)
    if pairs := _pairs(c, dict(fresh), candidates):
        c.execute(sa.insert(t.twins), [{"article": x, "twin": y} for a, b_ in pairs for x, y in ((a, b_), (b_, a))])


def _pairs(c: sa.Connection, texts: dict[int, str], candidates: dict[int, list[int]]) -> list[tuple[int, int]]:
    a = t.articles.c
    others = {other for some in candidates.values() for other in some} - texts.keys()
    texts = texts | {i: r.text for i, r in fetching.by_id(c, sa.select(a.id, a.text), a.id, others).items()}
    needed = sorted({*candidates, *(other for some in candidates.values() for other in some)} & texts.keys())
    sets = dict(zip(needed, _sets([texts[i] for i in needed]), strict=True))
    return [
        (row, other)
        for row, some in candidates.items()
        for other in some
        if other in sets and _alike(texts[row], texts[other], sets[row], sets[other])
    ]


def forget(c: sa.Connection, rows: Sequence[int]) -> None:
    """These articles are about to go."""
    for some in fetching.chunks(rows):
        c.execute(sa.delete(t.bands).where(t.bands.c.article.in_(some)))
        c.execute(sa.delete(t.twins).where(t.twins.c.article.in_(some)))
        c.execute(sa.delete(t.twins).where(t.twins.c.twin.in_(some)))


def compare_all(c: sa.Connection) -> None:
    """All pairs anew: for a library of an older version, or other rules."""
    c.execute(sa.delete(t.twins))
    c.execute(sa.delete(t.bands))
    a, at = t.articles.c, 0
    query = sa.select(a.id, a.text).order_by(a.id).limit(_AT_ONCE)
    while rows := c.execute(query.where(a.id > at)).all():
        note(c, [(row.id, row.text) for row in rows])
        at = rows[-1].id


def earlier(c: sa.Connection, document: int) -> int:
    """How many of a document's articles are reprints of one that came before."""
    w, a = t.twins.c, t.articles.c
    query = sa.select(sa.func.count(w.article.distinct())).join(t.articles, a.id == w.article)
    return int(c.execute(query.where(a.document == document, w.twin < w.article)).scalar_one())


def clusters(c: sa.Connection, article_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each of these articles that has reprints: the ids of all others of its cluster, in the order they came."""
    a, b, w = t.articles.alias(), t.articles.alias(), t.twins.c
    query = sa.select(a.c.id, a.c.article_id, b.c.id, b.c.article_id).select_from(t.twins)
    query = query.join(a, a.c.id == w.article).join(b, b.c.id == w.twin)
    like: dict[str, set[str]] = defaultdict(set)
    came: dict[str, int] = {}
    asked, waiting = sorted(set(article_ids)), set(article_ids)
    while waiting:  # a reprint of a reprint belongs to them
        some, waiting = sorted(waiting), set()
        for start in range(0, len(some), _AT_ONCE):
            for row, one, twin_row, twin in c.execute(query.where(a.c.article_id.in_(some[start : start + _AT_ONCE]))):
                came[one], came[twin] = row, twin_row
                like[one].add(twin)
                waiting.add(twin)
        waiting -= like.keys()
    return {one: _others(one, like, came) for one in asked if one in like}


def _others(one: str, like: dict[str, set[str]], came: dict[str, int]) -> tuple[str, ...]:
    found, waiting = {one}, [one]
    while waiting:
        fresh = like[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return tuple(sorted(found - {one}, key=came.__getitem__))
