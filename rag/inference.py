"""The path of a graph comes in, an onnxruntime session that is polite to the machine goes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def open_graph(path: Path, threads: int = 1) -> Any:
    """A session of the ONNX file on the processor. One thread suits some dozens of rows in trees: starting a second costs
    more than it gives. Errors: onnxruntime's own, some of them bare Exception."""
    import onnxruntime  # slow to load

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A thread that waits by spinning takes the time of other programs on the same cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
