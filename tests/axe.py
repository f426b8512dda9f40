"""What axe-core finds on a page of the chat: a line for each serious or critical finding, with the place."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from conftest import lacking


def findings(page: Any, within: str | None = None) -> list[str]:
    """`within`: a CSS selector, for a part of the page alone."""
    if find_spec("axe_playwright_python") is None:
        lacking("axe-playwright-python not installed; pip install axe-playwright-python")
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=within).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
