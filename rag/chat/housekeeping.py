"""What editors settle: people, keys of programs, what a question would find. Markup goes out."""

from __future__ import annotations

from rag.api.caller import Caller
from rag.chat.conversation import Trouble
from rag.chat.markup import Html, Say
from rag.chat.markup import settings as markup
from rag.chat.markup.troubles import trouble_card
from rag.errors import Error, NotAllowed, UnknownName, Usage
from rag.library import Library
from rag.types import Role

TRIED = 8  # passages shown of what a question would find
ROLES: dict[str, Role] = {"reader": "reader", "editor": "editor"}


class Housekeeping:
    """Errors are told as cards: nothing is raised."""

    def __init__(self, library: Library, say: Say) -> None:
        self.library, self.accounts, self.say = library, library.accounts, say

    def found(self, question: str) -> Html:
        """What a question would find, best first, and why."""
        if not question.strip():
            return Html()
        try:
            found = self.library.search(question, TRIED)
        except Error as error:
            return self._told(error)
        return markup.found(self.say, found)

    # ---------------------------------------------------------------- people

    def people(self, by: Caller) -> Html:
        return markup.people(self.say, self.accounts.listed(), by.person)

    def names(self) -> list[str]:
        return [account.name for account in self.accounts.listed()]

    def add(self, name: str, password: str, role: str) -> tuple[Html, bool]:
        """What came of it, and whether the account is there."""
        try:
            if not name.strip():
                raise Usage(what=self.say("settings.no_name"), remedy="")
            account = self.accounts.add(name, password, ROLES.get(role, "reader"))
        except Error as error:
            return self._told(error), False
        return markup.done(self.say("settings.added", name=account.name)), True

    def set_role(self, by: Caller, name: object, role: object) -> Html:
        """Not one's own: there is always an editor left."""
        try:
            self._look(by, name)
            account = self.accounts.set_role(str(name), ROLES.get(str(role), "reader"))
        except Error as error:
            return self._told(error)
        told = self.say("settings.role_set", name=account.name, role=self.say(f"people.{account.role}"))
        return markup.done(told)

    def set_password(self, name: object, password: str) -> tuple[Html, bool]:
        try:
            self.accounts.set_password(str(name or ""), password)
        except Error as error:
            return self._told(error), False
        return markup.done(self.say("settings.password_set", name=str(name))), True

    def remove(self, by: Caller, name: object) -> Html:
        try:
            self._look(by, name)
            self.accounts.remove(str(name))
        except Error as error:
            return self._told(error)
        return markup.done(self.say("settings.removed", name=str(name)))

    def _look(self, by: Caller, name: object) -> None:
        if by.person and by.person == name:
            raise NotAllowed()

    # ---------------------------------------------------------------- keys

    def keys(self) -> Html:
        return markup.keys(self.say, self.accounts.keys())

    def add_key(self, name: object, label: str) -> Html:
        """The key, shown this once."""
        try:
            if not name:
                raise Usage(what=self.say("settings.no_owner"), remedy="")
            return markup.new_key(self.say, self.accounts.add_key(str(name), label))
        except Error as error:
            return self._told(error)

    def revoke(self, key_id: object) -> Html:
        try:
            if not str(key_id).isdecimal():
                raise UnknownName(name=str(key_id)[:40])
            self.accounts.revoke(int(str(key_id)))
        except Error as error:
            return self._told(error)
        return markup.done(self.say("settings.revoked"))

    def _told(self, error: Error) -> Html:
        return trouble_card(self.say, Trouble.of(error), last=False)
