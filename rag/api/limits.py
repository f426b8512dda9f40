"""How often somebody may do something: names come in, seconds to wait go out.

The generic cell rate algorithm (ITU-T I.371): one number a name, the moment at which all that was taken is paid for.
"""

from __future__ import annotations

import math
import threading
from ipaddress import ip_address, ip_network
from time import monotonic

MOST_NAMES = 20_000  # remembered; past that those that waited longest are let off


class Limit:
    """So many at once, then one each so many seconds."""

    def __init__(self, at_once: int, seconds: float) -> None:
        self._every, self._ahead = seconds, (at_once - 1) * seconds
        self._paid: dict[str, float] = {}
        self._turn = threading.Lock()

    def take(self, name: str) -> int:
        """0: go on. Else whole seconds to wait, and nothing was taken."""
        now = monotonic()
        with self._turn:
            paid = max(self._paid.pop(name, now), now)
            early = paid - now - self._ahead
            self._paid[name] = paid if early > 0 else paid + self._every
            if len(self._paid) > MOST_NAMES:
                self._forget(now)
            return math.ceil(early) if early > 0 else 0

    def give_back(self, name: str) -> None:
        """What was taken last does not count."""
        with self._turn:
            if name in self._paid:
                self._paid[name] -= self._every

    def _forget(self, now: float) -> None:
        self._paid = {name: paid for name, paid in self._paid.items() if paid > now}
        while len(self._paid) > MOST_NAMES:
            del self._paid[next(iter(self._paid))]


def address(host: str) -> str:
    """What an address counts as: itself, or of IPv6 the network that one line is given (/64)."""
    try:
        one = ip_address(host.split("%")[0])
    except ValueError:
        return host
    if one.version == 6 and one.ipv4_mapped is None:
        return str(ip_network(f"{one}/64", strict=False))
    return str(one.ipv4_mapped if one.version == 6 else one)
