"""The first tables. Written out, not taken from `rag.tables`: a step stays what it was when the tables move on."""

from __future__ import annotations

import json
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(counters, [{"name": n, "value": 0} for n in ("change", "document", "article", "passage", "model")])
    settings = op.create_table(
        "settings",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.bulk_insert(settings, [{"name": "library", "value": json.dumps(uuid.uuid4().hex)}])
    op.create_table(
        "documents",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text, nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
        sa.Column("format", sa.String(20), nullable=False),
        sa.Column("encoding", sa.String(40)),
        sa.Column("pages", sa.Integer, nullable=False),
        sa.Column("ocr_pages", sa.Integer, nullable=False),
        sa.Column("characters", sa.Integer, nullable=False),
        sa.Column("garbled", sa.Float, nullable=False),
        sa.Column("losses", sa.Text, nullable=False),
        sa.Column("splitter", sa.String(40), nullable=False),
        sa.Column("added_at", sa.String(32), nullable=False),
        sa.Column("articles", sa.Integer, nullable=False),
        sa.Column("passages", sa.Integer, nullable=False),
        sa.Column("written", sa.Integer, nullable=False),
    )
    op.create_table(
        "articles",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("article_id", sa.String(80), nullable=False, unique=True),
        sa.Column("document", _ID, sa.ForeignKey("documents.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False, index=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("folded_title", sa.Text, nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("date", sa.String(40)),
        sa.Column("first_day", sa.Integer),
        sa.Column("last_day", sa.Integer),
        sa.Column("page", sa.Text),
        sa.Column("rubric", sa.Text, index=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("characters", sa.Integer, nullable=False),
        sa.Column("sections", sa.Text, nullable=False),
        sa.Column("text_sha256", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("articles_of_document", "articles", ["document", "position"])
    op.create_index("articles_of_days", "articles", ["last_day", "first_day"])
    op.create_table(
        "passages",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("article", _ID, sa.ForeignKey("articles.id"), nullable=False, index=True),
        sa.Column("start_at", sa.Integer, nullable=False),
        sa.Column("end_at", sa.Integer, nullable=False),
        sa.Column("heading", sa.Text, nullable=False),
        sa.Column("change", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "removals",
        sa.Column("passage", _ID, primary_key=True, autoincrement=False),
        sa.Column("change", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "models",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("dimension", sa.Integer, nullable=False),
    )
    op.create_table(
        "vectors",
        sa.Column("passage", _ID, sa.ForeignKey("passages.id"), primary_key=True, autoincrement=False),
        sa.Column("model", _ID, sa.ForeignKey("models.id"), primary_key=True, autoincrement=False),
        sa.Column("change", sa.BigInteger, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_index("vectors_of_model", "vectors", ["model", "change", "passage"])
