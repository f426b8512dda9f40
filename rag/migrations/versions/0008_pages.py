"""How the pages of PDF files and scans look, and where their lines stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "pages",
        sa.Column("document", _ID, sa.ForeignKey("documents.id"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("letters", sa.Text, nullable=False),
        sa.Column("lines", sa.Text, nullable=False),
        sa.Column("image", sa.LargeBinary, nullable=False),
    )
