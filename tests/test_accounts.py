"""Accounts in the library: who signs in, for how long, and which keys open; nothing kept there opens a door."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import accounts
from rag.accounts import Accounts
from rag.errors import NameTaken, PasswordTooShort, SignInRefused, UnknownName
from rag.store import Store

WORD = "长密码-correct horse"


@pytest.fixture
def people(place: Path) -> Iterator[Accounts]:
    with Store.open(place) as store:
        yield Accounts(store)


def test_a_session_lasts_until_it_is_ended(people: Accounts) -> None:
    made = people.add(" 王  编辑 ", WORD, "editor")
    assert made.name == "王 编辑"
    token = people.sign_in("王 编辑", WORD)
    assert people.by_session(token) == made
    people.sign_out(token)
    assert people.by_session(token) is None


def test_a_session_expires(people: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    people.add("a", WORD, "reader")
    token = people.sign_in("a", WORD)
    now = time.time()
    monkeypatch.setattr(accounts.time, "time", lambda: now + accounts.SESSION - 5)
    assert people.by_session(token)
    monkeypatch.setattr(accounts.time, "time", lambda: now + accounts.SESSION + 5)
    assert people.by_session(token) is None


@pytest.mark.parametrize(("name", "password"), [("a", "wrong"), ("b", WORD), ("a", ""), ("", ""), ("a", WORD + " ")])
def test_nobody_comes_in_with_a_wrong_name_or_password(people: Accounts, name: str, password: str) -> None:
    people.add("a", WORD, "reader")
    with pytest.raises(SignInRefused):
        people.sign_in(name, password)


def test_names_are_taken_once_and_passwords_are_long(people: Accounts) -> None:
    people.add("a", WORD, "reader")
    with pytest.raises(NameTaken):
        people.add("a", WORD, "editor")
    for password in ("", "1234567", "x" * 501):
        with pytest.raises(PasswordTooShort):
            people.add("b", password, "reader")
    assert [account.name for account in people.listed()] == ["a"]


def test_a_new_password_ends_all_sessions(people: Accounts) -> None:
    people.add("a", WORD, "reader")
    token = people.sign_in("a", WORD)
    people.set_password("a", WORD + "2")
    assert people.by_session(token) is None
    with pytest.raises(SignInRefused):
        people.sign_in("a", WORD)
    assert people.sign_in("a", WORD + "2")


def test_a_role_changes_at_once(people: Accounts) -> None:
    people.add("a", WORD, "editor")
    token, key = people.sign_in("a", WORD), people.add_key("a")
    people.set_role("a", "reader")
    assert [found.role for found in (people.by_session(token), people.by_key(key)) if found] == ["reader", "reader"]


def test_a_key_opens_until_it_is_revoked(people: Accounts) -> None:
    made = people.add("a", WORD, "reader")
    first, second = people.add_key("a", "网站"), people.add_key("a")
    assert people.by_key(first) == people.by_key(second) == made
    assert [(key.account, key.label) for key in people.keys()]  # noqa: SIM118 == [("a", "网站"), ("a", "")]
    people.revoke(people.keys()[0].key_id)
    assert people.by_key(first) is None
    assert people.by_key(second)
    with pytest.raises(UnknownName):
        people.revoke(99)


def test_who_is_removed_is_out_at_once_and_nobody_gets_the_number(people: Accounts) -> None:
    gone = people.add("a", WORD, "reader")
    token, key = people.sign_in("a", WORD), people.add_key("a")
    people.remove("a")
    assert people.by_session(token) is None
    assert people.by_key(key) is None
    assert people.add("a", WORD, "reader").account_id != gone.account_id
    with pytest.raises(UnknownName):
        people.remove("nobody")


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_nothing_that_is_kept_opens_a_door(people: Accounts, tmp_path: Path) -> None:
    people.add("a", WORD, "reader")
    secrets = [WORD, people.sign_in("a", WORD), people.add_key("a")]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "library").glob("library.db*"))
    assert not [secret for secret in secrets if secret.encode() in kept]
    assert b"$argon2id$" in kept
