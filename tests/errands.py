"""What tests of the desk share: waiting for what was begun in the background."""

from __future__ import annotations

import time

from rag.chat.machine import Machine


def over(machine: Machine) -> str:
    """What came of the errand."""
    for _ in range(600):
        shown, going = machine.errand()
        if not going:
            return str(shown)
        time.sleep(0.02)
    raise AssertionError(machine.errands.latest)
