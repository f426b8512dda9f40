"""Reprints: what articles are found alike by, and which are alike. Filled in when the library is next opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "bands",
        sa.Column("band", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("article", _ID, sa.ForeignKey("articles.id"), primary_key=True, autoincrement=False, index=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "twins",
        sa.Column("article", _ID, sa.ForeignKey("articles.id"), primary_key=True, autoincrement=False),
        sa.Column("twin", _ID, sa.ForeignKey("articles.id"), primary_key=True, autoincrement=False, index=True),
        sqlite_with_rowid=False,
    )
