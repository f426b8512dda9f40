"""Models known to suit this product: what they weigh, need and may be used for. Any other can be pulled or used too.

Sizes are those of the files that are pulled; memory is what a process needs to answer with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["writer", "embedding", "reranker"]
Speed = Literal["fast", "medium", "slow"]  # to read and write on two cores: seconds, half a minute, minutes


@dataclass(frozen=True, slots=True)
class Listed:
    """`file`: the one file that is pulled of a repository that holds a model in many forms."""

    id: str
    kind: Kind
    megabytes: int
    memory: int  # MB: with transformers in float32, which every processor computes; GGUF as it is
    licence: str
    speed: Speed
    file: str = ""


CATALOGUE = (
    Listed("Qwen/Qwen2.5-0.5B-Instruct-GGUF", "writer", 491, 700, "Apache-2.0", "fast", "*q4_k_m.gguf"),
    Listed("Qwen/Qwen2.5-1.5B-Instruct-GGUF", "writer", 1117, 1500, "Apache-2.0", "medium", "*q4_k_m.gguf"),
    Listed("Qwen/Qwen3-0.6B-GGUF", "writer", 639, 900, "Apache-2.0", "fast", "*Q8_0.gguf"),
    Listed("Qwen/Qwen3-1.7B-GGUF", "writer", 1834, 2300, "Apache-2.0", "medium", "*Q8_0.gguf"),
    Listed("Qwen/Qwen3-4B-GGUF", "writer", 2497, 3200, "Apache-2.0", "slow", "*Q4_K_M.gguf"),
    Listed("Qwen/Qwen2.5-0.5B-Instruct", "writer", 1000, 4000, "Apache-2.0", "fast"),
    Listed("Qwen/Qwen2.5-1.5B-Instruct", "writer", 3100, 9500, "Apache-2.0", "medium"),
    Listed("Qwen/Qwen3-0.6B", "writer", 1520, 4500, "Apache-2.0", "fast"),
    Listed("Qwen/Qwen3-1.7B", "writer", 4080, 12500, "Apache-2.0", "medium"),
    Listed("Qwen/Qwen3-4B", "writer", 8060, 24500, "Apache-2.0", "slow"),
    Listed("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "writer", 3560, 11000, "MIT", "medium"),
    Listed("BAAI/bge-small-zh-v1.5", "embedding", 97, 700, "MIT", "fast"),
    Listed("BAAI/bge-base-zh-v1.5", "embedding", 410, 1200, "MIT", "medium"),
    Listed("Qwen/Qwen3-Embedding-0.6B", "embedding", 1210, 3500, "Apache-2.0", "slow"),
    Listed("BAAI/bge-reranker-base", "reranker", 1135, 1800, "MIT", "medium"),
    Listed("Qwen/Qwen3-Reranker-0.6B", "reranker", 1210, 3500, "Apache-2.0", "slow"),
    Listed("BAAI/bge-reranker-v2-m3", "reranker", 2294, 3200, "Apache-2.0", "slow"),
)


def listed(model: str) -> Listed | None:
    return next((one for one in CATALOGUE if one.id == model), None)


def memory() -> int | None:
    """Megabytes that this process could still take, as the system and its container tell; None where neither does."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) // 1024)
    except OSError:
        pass  # no Linux
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            most, now = Path(limit).read_text().strip(), Path(used).read_text().strip()
        except OSError:
            continue
        if most.isdigit() and now.isdigit():
            found.append(max(0, int(most) - int(now)) >> 20)
    if not found:
        import os

        if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20)
    return min(found) if found else None
