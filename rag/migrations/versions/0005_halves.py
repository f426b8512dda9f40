"""Parts of stories that a newspaper carries on upon another page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "halves",
        sa.Column("document", number, sa.ForeignKey("documents.id"), primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("article", number, sa.ForeignKey("articles.id"), index=True),
        sa.Column("article_id", sa.String(80), nullable=False, index=True),
        sa.Column("date", sa.String(40), nullable=False, index=True),
        sa.Column("said", sa.Text, nullable=False),
    )
