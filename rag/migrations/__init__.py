"""The schema's history, one file a step in `versions/`, run by alembic when a library is opened; forward only.

A new step: `versions/NNNN_what.py`, and REVISION in `tables.py`; tests/test_store.py holds that they agree.
"""
