"""Names and passwords come in, accounts go out; their sessions and the keys of their programs: a back room of the store.

The one idea: nothing kept here opens a door. Passwords are argon2 hashes, sessions and keys are kept as SHA-256 of
what their owner holds (128 random bits or more, so that no salt is needed).
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from rag import tables as t
from rag.errors import NameTaken, PasswordTooShort, SignInRefused, UnknownName
from rag.noting import Notes
from rag.types import Account, Key, Role

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST_PASSWORD = 8  # characters, NIST SP 800-63B 5.1.1.1
MOST_PASSWORD = 500
MOST_NAME = 80
SESSION = 12 * 3600  # seconds: a working day
KEY_BEGINS = "rag-"


class Accounts(Notes):
    """Errors of writing: NoPermission, LibraryLocked, DiskFull."""

    # ---------------------------------------------------------------- accounts

    def add(self, name: str, password: str, role: Role) -> Account:
        """Errors: NameTaken, PasswordTooShort, UnknownName (a name of nothing)."""
        name = " ".join(name.split())[:MOST_NAME]
        if not name:
            raise UnknownName(name=name)
        hashed = _hash(password)
        with self._writing() as c:
            if c.execute(sa.select(t.accounts.c.id).where(t.accounts.c.name == name)).first():
                raise NameTaken(name=name)
            c.execute(sa.insert(t.accounts), {"name": name, "role": role, "password": hashed, "made_at": _now()})
            return _account(self._row(c, name))

    def listed(self) -> list[Account]:
        with self._looking() as c:
            return [_account(row) for row in c.execute(sa.select(t.accounts).order_by(t.accounts.c.id))]

    def remove(self, name: str) -> None:
        """With sessions and keys; the conversations stay with the id, which nobody gets again. Errors: UnknownName."""
        with self._writing() as c:
            row = self._row(c, name)
            for table in (t.sessions, t.keys):
                c.execute(sa.delete(table).where(table.c.account == row.id))
            c.execute(sa.delete(t.accounts).where(t.accounts.c.id == row.id))

    def set_role(self, name: str, role: Role) -> Account:
        """Counts from the next request on. Errors: UnknownName."""
        with self._writing() as c:
            row = self._row(c, name)
            c.execute(sa.update(t.accounts).where(t.accounts.c.id == row.id), {"role": role})
            return _account(self._row(c, name))

    def set_password(self, name: str, password: str) -> None:
        """Ends all sessions; keys stay. Errors: UnknownName, PasswordTooShort."""
        hashed = _hash(password)
        with self._writing() as c:
            row = self._row(c, name)
            c.execute(sa.update(t.accounts).where(t.accounts.c.id == row.id), {"password": hashed})
            c.execute(sa.delete(t.sessions).where(t.sessions.c.account == row.id))

    def _row(self, c: sa.Connection, name: str) -> Any:
        row = c.execute(sa.select(t.accounts).where(t.accounts.c.name == name)).first()
        if row is None:
            raise UnknownName(name=name)
        return row

    # ---------------------------------------------------------------- sessions

    def sign_in(self, name: str, password: str) -> str:
        """A token for `SESSION` seconds. Takes as long for a name that is none. Errors: SignInRefused."""
        from argon2.exceptions import VerifyMismatchError

        hasher, of_nobody = _hasher()
        with self._looking() as c:
            row = c.execute(sa.select(t.accounts).where(t.accounts.c.name == " ".join(name.split()))).first()
        try:
            hasher.verify(row.password if row else of_nobody, password[:MOST_PASSWORD] or " ")
        except VerifyMismatchError:
            raise SignInRefused() from None
        if row is None:
            raise SignInRefused()
        token = secrets.token_urlsafe(32)
        with self._writing() as c:
            c.execute(sa.delete(t.sessions).where(t.sessions.c.expires < int(time.time())))
            new = {"token": _digest(token), "account": row.id, "expires": int(time.time()) + SESSION}
            c.execute(sa.insert(t.sessions), new)
        return token

    def sign_out(self, token: str) -> None:
        with self._writing() as c:
            c.execute(sa.delete(t.sessions).where(t.sessions.c.token == _digest(token)))

    def by_session(self, token: str) -> Account | None:
        """None for one that is unknown, ended or too old."""
        s, a = t.sessions.c, t.accounts.c
        query = sa.select(t.accounts).join(t.sessions, s.account == a.id)
        with self._looking() as c:
            row = c.execute(query.where(s.token == _digest(token), s.expires > int(time.time()))).first()
            return _account(row) if row else None

    # ---------------------------------------------------------------- keys of programs

    def add_key(self, name: str, label: str = "") -> str:
        """The key, which is told this once. Errors: UnknownName."""
        key = KEY_BEGINS + secrets.token_urlsafe(32)
        with self._writing() as c:
            row = self._row(c, name)
            new = {"key": _digest(key), "account": row.id, "label": label.strip()[:MOST_NAME], "made_at": _now()}
            c.execute(sa.insert(t.keys), new)
        return key

    def keys(self) -> list[Key]:
        k, a = t.keys.c, t.accounts.c
        query = sa.select(k.id, a.name, k.label, k.made_at).join(t.accounts, a.id == k.account).order_by(k.id)
        with self._looking() as c:
            return [Key(*row) for row in c.execute(query)]

    def revoke(self, key_id: int) -> None:
        """Errors: UnknownName."""
        with self._writing() as c:
            if not c.execute(sa.delete(t.keys).where(t.keys.c.id == key_id)).rowcount:
                raise UnknownName(name=key_id)

    def by_key(self, key: str) -> Account | None:
        query = sa.select(t.accounts).join(t.keys, t.keys.c.account == t.accounts.c.id)
        with self._looking() as c:
            row = c.execute(query.where(t.keys.c.key == _digest(key))).first()
            return _account(row) if row else None


def _account(row: Any) -> Account:
    return Account(row.id, row.name, row.role, row.made_at)


@cache
def _hasher() -> tuple[PasswordHasher, str]:
    """With the hash of a password that nobody has: made before it is asked for, so that no name takes longer."""
    from argon2 import PasswordHasher

    return PasswordHasher(), PasswordHasher().hash(secrets.token_urlsafe())


def _hash(password: str) -> str:
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise PasswordTooShort(least=LEAST_PASSWORD, most=MOST_PASSWORD)
    return _hasher()[0].hash(password)


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
