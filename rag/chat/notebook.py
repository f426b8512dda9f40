"""A reader's conversations: the page's on one side, the rows that the library keeps on the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from rag.chat.conversation import Conversation
from rag.errors import Error, UnknownName
from rag.library import Library
from rag.types import Talk

LISTED = 300  # in the drawer; older ones are found by searching


class Notebook:
    """`owner`: whose conversations, as the server's gate says."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def listed(self, owner: str) -> Sequence[Talk]:
        return self.library.conversations.listed(owner, limit=LISTED)

    def opened(self, owner: str, key: object) -> Conversation:
        """A new one where there is none of that key. What somebody else shared is continued as one's own."""
        if not isinstance(key, str) or not key:
            return Conversation.begun()
        try:
            talk, rows, own = self.library.conversations.opened(owner, key[:40])
        except UnknownName:
            return Conversation.begun()
        conversation = Conversation.kept(talk.key, rows)
        if own:
            return conversation
        fresh = Conversation.begun()
        return replace(fresh, exchanges=conversation.exchanges, unsaved=len(conversation.exchanges))

    def kept(self, owner: str, conversation: Conversation) -> tuple[Conversation, Error | None]:
        """The conversation, saved; where it could not be, why: the next attempt saves what is missing."""
        unsaved = conversation.exchanges[len(conversation.exchanges) - conversation.unsaved :]
        try:
            rows = [exchange.to_json() for exchange in unsaved]
            talk = self.library.conversations.keep(owner, conversation.key, rows, conversation.stored)
        except UnknownName:  # somebody else's key: a reader can't write there
            return replace(conversation, key=Conversation.begun().key, stored=0), None
        except Error as error:
            logging.getLogger("rag.chat").debug("a conversation was not kept", exc_info=True)
            return conversation, error
        return replace(conversation, stored=talk.exchanges, unsaved=0), None

    def dropped(self, owner: str, key: object) -> None:
        try:
            self.library.conversations.drop(owner, str(key)[:40])
        except UnknownName:  # gone already, or never theirs
            return
