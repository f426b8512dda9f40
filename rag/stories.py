"""The lines of a newspaper page come in, its stories go out, and what was set aside (running heads, notices, adverts).

One walk over the page. Lines that are no text form a group between two texts; the evidence around it (a byline that
closed the story before, 本报讯 behind it, marks, sizes, whether the sentence before it was whole) says whether it
opens a story, heads a part of one, or merely stands in its column. A story broken off in mid-sentence waits until
text without a headline goes on with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag import bylines, newspaper
from rag.breaks import continues, fits, joined
from rag.dates import chinese_number
from rag.headlines import NO_HEAD, Story, evidence, is_byline, is_fragment, is_text, sizes_differ, without_umbrella
from rag.newspaper import Head
from rag.roles import Line, labelled
from rag.text import fold
from rag.types import Block

_BODY = ("text", "table", "list", "bullet")
_NUMBERED = r"第?\s*([a-z]?\d{1,3}|[一二三四五六七八九十]{1,2})\s*版(?:头条)?\s*[)\]]?"
_ONWARD = re.compile(rf"[▶►▷→(\[\s]*紧?下[转接]\s*{_NUMBERED}[\s▶►▷→]*$")
_BACK = re.compile(rf"^[▶►▷→◀◄(\[\s]*(?:紧?上[接转]|紧接)\s*{_NUMBERED}\s*")
_BACK_BEHIND = re.compile(rf"[(\[]\s*(?:紧?上[接转]|紧接)\s*{_NUMBERED}\s*$")


def stories(blocks: Sequence[Block], issue: Head = NO_HEAD) -> tuple[list[Story], list[str]]:
    """The stories in the order of their headlines, and the lines set aside. `issue`: what is known beforehand."""
    return _Walk(labelled(blocks), issue).run()


# ---------------------------------------------------------------- the walk


class _Walk:
    def __init__(self, lines: list[Line], issue: Head) -> None:
        self.lines, self.issue = lines, issue
        self.marked = sum(line.label == "title" and line.block.kind == "heading" for line in lines) >= 2
        self.done: list[Story] = []  # every story that was begun, in order
        self.current: Story | None = None
        self.waiting: list[Story] = []  # broken off in mid-sentence, the latest last
        self.column = ""
        self.strong = False  # the column heading covers all stories under it, not only the next
        self.boundary = False  # a column heading or furniture since the last text
        self.aside: list[str] = []
        self.file_page = lines[0].block.page if lines else 1
        self.linked: Line | None = None  # text whose story is known already, by the page it says to carry on

    def run(self) -> tuple[list[Story], list[str]]:
        i = 0
        while i < len(self.lines):
            self._turn_page(self.lines[i])
            if self.lines[i].label in _BODY:
                self._body(i)
                i += 1
                continue
            j = i
            while j < len(self.lines) and self.lines[j].label not in _BODY:
                j += 1
            self._group(i, j)
            i = j
        for story in self.done:
            self._finish(story)
        return [s for s in self.done if s.parts], self.aside

    def _turn_page(self, line: Line) -> None:
        """A new page of the file: same issue, another page's number and section."""
        if line.block.page != self.file_page:
            self.file_page = line.block.page
            head = next(
                (
                    x.look.head
                    for x in self.lines
                    if x.block.page == self.file_page and x.label == "head" and x.look.head
                ),
                None,
            )
            self.issue = (
                head.over(Head(date=self.issue.date, paper=self.issue.paper))
                if head
                else replace(self.issue, page=None, section=None)
            )
            self.column, self.strong = "", False

    # ------------------------------------------------------------ groups

    def _group(self, i: int, j: int) -> None:
        """Lines i to j hold no text: bylines close the story before, headlines open the next, captions stand by."""
        group = self.lines[i:j]
        titles: list[Line] = []
        under: list[Line] = []
        captions: list[Line] = []
        last_title = max((n for n, x in enumerate(group) if x.label == "title"), default=-1)
        for n, line in enumerate(group):
            if line.label == "byline" and not is_byline(line, n, last_title, group, j < len(self.lines), self.current):
                line.label = "title"
                last_title = max(last_title, n)
        for n, line in enumerate(group):
            if line.label == "head":
                self._read_head(line)
            elif line.label == "aside":
                self.aside.append(line.block.text)
                self.boundary = self.boundary or line.look.furniture != "teaser"
            elif line.label == "column":
                self._open_column(line.name, strong=True)
            elif line.label == "caption":
                if self.current is not None and not any(x.label == "title" for x in group[:n]):
                    self._captions([line])
                else:
                    captions.append(line)
            elif line.label == "byline":
                if titles and n > last_title:
                    under.append(line)
                elif self.current is not None and not titles:
                    self._close(line)
                else:
                    under.append(line)
            elif line.label == "title" and self.current is not None and _ONWARD.match(line.look.folded):
                self._append(line)
            elif line.label == "title":
                titles.append(line)
        following = self.lines[j] if j < len(self.lines) else None
        back = any(_BACK.match(t.look.folded) for t in titles)
        while len(titles) > 1 and not back and is_text(titles[0], self.current):
            self._append(titles.pop(0))
        titles = self._take_columns(titles, following)
        fragment = (
            titles.pop()
            if titles
            and not (under or back)
            and is_fragment(titles, following, self.current, self.boundary, self.marked)
            else None
        )
        if titles:
            self._headline(titles, under, captions, following, j)
            captions = []
        if fragment is not None:
            self._append(fragment)
        if not titles:
            for line in under:
                self._close(line)
            self._captions(captions)

    def _read_head(self, line: Line) -> None:
        assert line.look.head is not None
        self.aside.append(line.block.text)
        fresh = line.look.head
        turned = fresh.page is not None and self.issue.page is not None and fresh.page != self.issue.page
        self.issue = fresh.over(Head(date=self.issue.date, paper=self.issue.paper) if turned else self.issue)
        if turned:
            self.column, self.strong = "", False
        elif len(self.done) and all(s.issue.page is None and s.issue.date is None for s in self.done):
            for story in self.done:  # the head stands at the page's foot
                story.issue = self.issue

    def _open_column(self, name: str, strong: bool) -> None:
        self.column, self.strong, self.boundary = name, strong, True
        self.aside.append(name)

    def _take_columns(self, titles: list[Line], following: Line | None) -> list[Line]:
        """Leaves the headlines; a line above them that is named like a column, or is short and of another rank, is one."""
        kept = list(titles)
        if (
            len(kept) > 1
            and following is not None
            and newspaper.brief_column(kept[-1].look.folded)
            and newspaper.column_like(kept[-1].look.folded)
        ):
            name = kept.pop().look.text.strip(" #*")
            if self.current is not None and not self.current.closed and all(t.block.kind != "heading" for t in kept):
                for line in kept:
                    self._append(line)
            else:
                self.aside += [t.block.text for t in kept]
            self._open_column(name, strong=False)
            return []
        while kept:
            first, folded = kept[0], kept[0].look.folded
            if first.look.correction or first.look.inset or _BACK.match(folded):
                break
            more = len(kept) > 1
            like = newspaper.column_like(folded)
            office = newspaper.place_or_office(folded)
            small = newspaper.han(folded) <= 8 and not re.search(r"[,。:;?!\d]", folded) and " " not in folded.strip()
            if more:
                second = kept[1]
                other_rank = (
                    first.block.kind != second.block.kind
                    or first.block.level != second.block.level
                    or sizes_differ(first.block.size, second.block.size)
                )
                if (like and not office and (other_rank or not self.marked)) or (
                    small
                    and not office
                    and (
                        first.block.kind != "heading" and (second.block.kind == "heading" or newspaper.han(folded) <= 6)
                    )
                ):
                    self._open_column(first.look.text.strip(" #*"), strong=first.block.kind == "heading")
                    kept.pop(0)
                    continue
            elif (
                like
                and not office
                and following is not None
                and (
                    following.label == "bullet"
                    or newspaper.brief_column(folded)
                    or (
                        first.block.kind != "heading"
                        and (self.current is None or self.current.closed or self.current.brief)
                    )
                )
            ):
                self._open_column(first.look.text.strip(" #*"), strong=False)
                kept.pop(0)
                continue
            break
        return kept

    def _headline(
        self, titles: list[Line], under: list[Line], captions: list[Line], following: Line | None, j: int
    ) -> None:
        """Decides what a group of headline-like lines is, and does it."""
        if following is None:
            if captions and not (self.current and self.current.broken):  # a picture with its headline
                self._open(titles, under)
                self._captions(captions)
            elif (
                self.current is not None
                and not self.current.closed
                and len(titles) == 1
                and titles[0].block.kind != "heading"
            ):
                self._append(titles[0])
                for line in under:
                    self._close(line)
            else:
                self.aside += [t.block.text for t in titles + under + captions]
            return
        if self._back(titles, following, under):
            self._captions(captions)
            return
        weight = evidence(titles, under, self.lines[j:], self.current, self.boundary, self.marked)
        if weight > 0:
            self._open(titles, under)
            self._captions(captions)
            return
        current = self.current
        assert current is not None
        for line in under:
            self._close(line)
        for line in titles:
            text, folded = line.look.text.strip(" #*"), line.look.folded
            if (
                line.block.kind != "heading"
                and current.broken
                and (continues(line.look.text, following.look.text) >= 2 or continues(current.tail, text) >= 2)
                and len(titles) == 1
            ):
                self._append(line)  # a piece of a sentence between two breaks
            elif (
                line.block.kind != "heading"
                and not current.broken
                and following.label == "text"
                and continues(line.look.text, following.look.text) >= 2
            ):
                current.parts.append(("text", line.look.text.strip()))  # a paragraph's first words, broken off
            elif current.broken and line.block.kind != "heading":
                current.captions.append(text)
            elif (len(titles) > 3 and line.block.kind != "heading") or len(folded) > 40:
                current.parts.append(("text", line.look.text.strip()))  # verses, a list
            else:
                current.parts.append(("heading", text))
        self._captions(captions)

    # ------------------------------------------------------------ stories

    def _open(self, titles: list[Line], under: list[Line] = (), brief: bool = False) -> Story:  # type: ignore[assignment]
        """Begins a story; the one before waits where it was broken off."""
        self._suspend()
        kept = without_umbrella(titles, self.lines)
        self.aside += [t.block.text for t in titles if t not in kept]
        story = Story(
            title=" ".join(" ".join(t.look.text.strip(" #*").split()) for t in kept),
            issue=self.issue,
            brief=brief,
            level=min((t.block.level for t in kept if t.block.kind == "heading"), default=0),
            size=max((t.block.size or 0.0 for t in kept), default=0.0),
        )
        story.column = None if newspaper.correction(story.title) else self.column or None
        if not self.strong and not brief:
            self.column = ""
        names = [line.look.byline.author for line in under if line.look.byline and line.look.byline.author]
        story.author = " ".join(names) or None
        self.done.append(story)
        self.current, self.boundary = story, False
        return story

    def _suspend(self) -> None:
        if self.current is not None and self.current.broken and self.current not in self.waiting:
            self.waiting.append(self.current)

    def _close(self, line: Line) -> None:
        """A byline on a line of its own at a story's end."""
        current, byline = self.current, line.look.byline
        assert byline is not None
        if current is None:
            self.aside.append(line.block.text)
            return
        if current.broken and self.waiting and not byline.sure:
            current.parts.append(("text", line.look.text.strip()))
            return
        if current.author is None:
            current.author = byline.author
        elif byline.author and fold(byline.author) not in fold(current.author):
            current.author = f"{current.author} {byline.author}"
        current.closed = True

    def _captions(self, captions: list[Line]) -> None:
        for line in captions:
            if self.current is not None:
                self.current.captions.append(line.look.text.strip())
            else:
                self.aside.append(line.block.text)

    def _back(self, titles: list[Line], following: Line, under: list[Line]) -> bool:
        """上接第1版: text that carries on a story of another page, with or without its headline repeated. Where this
        document has no such story, it opens one that says so."""
        found = _BACK.match(following.look.folded)
        for at, line in enumerate(titles):
            if mark := _BACK.match(line.look.folded) or _BACK_BEHIND.search(line.look.folded):
                found = mark
                said = (line.look.text[: mark.start()] + line.look.text[mark.end() :]).strip()
                rest = replace(line.block, text=said)
                titles[at : at + 1] = [Line(rest, newspaper.look(said, True), "title")] if said.strip(" #*") else []
                break
        if not found:
            return False
        self.linked = following
        story = self._left_for(found[1], titles)
        if story is None:
            self._open(titles, under).back = _page(found[1])
            return True
        self._suspend()
        story.closed, story.onward = False, None
        self.current, self.boundary = story, False
        return True

    def _left_for(self, page: str, titles: list[Line]) -> Story | None:
        """The story that was broken off on that page for this one."""
        ready = [s for s in self.done if s.onward]
        same = [s for s in ready if s.issue.page is None or _page(page) == s.issue.page]
        heads = [fold(t.look.text).strip("# ") for t in titles]
        named = [s for s in same or ready if any(h and (h in fold(s.title) or fold(s.title) in h) for h in heads)]
        return (named or same or [None])[0]  # type: ignore[list-item]

    # ------------------------------------------------------------ text

    def _body(self, i: int) -> None:
        line = self.lines[i]
        current = self.current
        if (line.label == "bullet" and self._is_brief(i)) or (
            line.label == "text"
            and newspaper.brief_column(self.column)
            and (current is None or not current.brief or not current.broken)
            and (self.boundary or (current is not None and (current.closed or current.brief)))
        ):
            self._open([], brief=True)
        elif line.label == "text":
            back = _BACK.match(line.look.folded)
            if line is self.linked or (back and self._back([], line, [])):
                pass
            elif current is None:
                self._open([])
            elif self._goes_on(current, line) or self._resumes(line):
                pass
            elif (
                (current.closed and current.parts)
                or (self.boundary and self.column and not current.broken and current.parts)
                or (line.look.lead and current.parts and not current.broken)
            ):
                self._open([])
        elif current is None or (current.closed and current.parts):
            self._open([])
        self._append(line)
        self.boundary = False

    def _is_brief(self, i: int) -> bool:
        """Whether a line with a bullet is a brief of its own, not an item of the story's list."""
        if newspaper.brief_column(self.column) or (self.boundary and self.column):
            return True
        if self.current is not None and self.current.brief:
            return True
        ended = self.current is None or self.current.closed
        return ended and len(self.lines[i].look.text) >= 25

    def _goes_on(self, current: Story, line: Line) -> bool:
        """Whether text belongs to the story that is being read."""
        if current.closed or (line.look.lead and current.parts and not current.broken):
            return False
        if not current.parts:
            return True
        here = fits(current.tail, line.look.text) if current.broken else 0
        there = max((fits(s.tail, line.look.text) for s in self.waiting if s is not current), default=-9)
        if (not current.broken and there >= 3) or (current.broken and there > here + 2):
            return False
        return not (self.boundary and self.column and not current.broken)

    def _resumes(self, line: Line) -> bool:
        """Takes up the story that waits for the rest of its sentence: the one that fits best, else the latest."""
        if not self.waiting or line.look.lead or (self.boundary and self.column):
            return False
        best, n = max((fits(s.tail, line.look.text), n) for n, s in enumerate(self.waiting))
        if best < -4 or (best < 3 and self.current is not None and not self.current.closed):
            return False
        story = self.waiting[n] if best >= 3 else self.waiting[-1]
        self._suspend()
        self.waiting.remove(story)
        self.current = story
        return True

    def _append(self, line: Line) -> None:
        """Adds a line's text to the current story, joined where the paragraph before it was broken."""
        story = self.current
        assert story is not None
        text = line.look.text.strip()
        if line.label == "bullet" and story.brief:
            text = newspaper.without_bullet(text)
        kind = {"table": "table", "list": "list"}.get(line.label, "text")
        if kind == "text":
            back = _BACK.match(fold(text))
            if back:
                text = text[back.end() :]
            onward = _ONWARD.search(fold(text))
            if onward:
                story.onward, text = _page(onward[1]), text[: onward.start()].rstrip()
            _lead, named = bylines.leading(text)
            if named and not story.author and not any(k == "text" for k, _ in story.parts):
                story.author = named.author
        if kind == "text" and story.broken and not line.look.lead and (line.label == "text" or line.label == "title"):
            story.parts[-1] = ("text", joined(story.tail, text))
        elif text:
            story.parts.append((kind, text))
        if story in self.waiting:
            self.waiting.remove(story)
        if kind == "text" and story.parts:
            byline = bylines.closing(story.parts[-1][1])
            if byline:
                story.closed = True
                if not story.author:
                    story.author = byline.author
            if bylines.biography(text):
                story.closed = True
            if story.onward or (newspaper.correction(story.title) and newspaper.corrected(story.parts[-1][1])):
                story.closed = True

    def _finish(self, story: Story) -> None:
        """A byline that was broken in two signs its story; a picture with its caption alone is a story whose text is the
        caption."""
        signed_at_last = bylines.closing(story.tail) if not story.author else None
        if signed_at_last:
            story.author = signed_at_last.author
        if not story.parts and story.captions:
            story.parts = [("text", c) for c in story.captions]
            story.captions = []
            signed = re.search(
                r"([\u3400-\u9fff·]{2,4}(?:\s+[\u3400-\u9fff·]{2,4})*\s*摄影?)\s*[)）]?$", fold(story.parts[-1][1])
            )
            if signed and not story.author:
                story.author = story.parts[-1][1][signed.start(1) : signed.end(1)]


def _page(number: str) -> str:
    numeral = chinese_number(number)
    return str(numeral) if numeral else re.sub(r"^([A-Z]?)0+(?=\d)", r"\1", number.upper())
