"""Makes dist/rag-…-bundle.tar for machines without a network: `make bundle`. Needs the network itself, once.

In it: the wheel with its models, the wheels of all that it needs in the versions of requirements.lock, a script that
installs them (deploy/install.sh), and the checksum of each. It fits this system, this processor and this Python.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
EXTRAS = "models,server,gguf,mcp,cluster,otel"
FOR_GRAPHICS_CARDS = re.compile(r"(nvidia|cuda|triton|pytorch_triton|intel_|rocm)", re.IGNORECASE)
COMPILED = 1.2  # what is installed takes more than what was unpacked: measured 2,486 MB of 2,083

NO_TORCH = """\
这里没有装 CPU 版 PyTorch，安装包里就没有它：聊天、检索和问答用内置模型，功能完整。
No CPU build of PyTorch is installed here, so the bundle goes without it."""
GRAPHICS_CARDS = """\
下载来的有为显卡编译的包（{names}），要大几个 GB，没有打包。请先装好 CPU 版 PyTorch 再试，或不要 models：make bundle EXTRAS=none
Packages for graphics cards came ({names}): install a CPU build of PyTorch first, or leave it out: make bundle EXTRAS=none"""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--extras", default=os.environ.get("EXTRAS") or EXTRAS, help="names with commas, or none")
    asked.add_argument("--out", type=Path, default=ROOT / "dist")
    words = asked.parse_args()
    extras = [name for name in words.extras.split(",") if name and name != "none"]
    torch = cpu_torch()
    if "models" in extras and torch is None:
        print(NO_TORCH, file=sys.stderr)
        extras.remove("models")
    with tempfile.TemporaryDirectory(prefix="rag-bundle-") as folder:
        wheels = Path(folder)
        run("build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT))
        (own,) = wheels.glob("rag-*.whl")
        with_extras = f"{own}[{','.join(extras)}]" if extras else str(own)
        gather = ["wheel", "--wheel-dir", str(wheels), "--constraint", str(LOCK), "--quiet"]  # jieba's is built here
        run("pip", *gather, with_extras, "pip", *([f"torch=={torch}"] if "models" in extras else []))
        heavy = [file.name for file in wheels.glob("*.whl") if FOR_GRAPHICS_CARDS.match(file.name)]
        if heavy:
            sys.exit(GRAPHICS_CARDS.format(names=", ".join(sorted(heavy))))
        made = pack(wheels, extras, words.out)
    print(f"{made}  {made.stat().st_size / 1e6:.0f} MB")


def run(*module: str) -> None:
    done = subprocess.run([sys.executable, "-m", *module], env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    if done.returncode:
        sys.exit(done.returncode)


def cpu_torch() -> str | None:
    """The version of the PyTorch here, where that is a CPU build."""
    try:
        version = importlib.metadata.version("torch")
        needs = importlib.metadata.requires("torch") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    mark = version.partition("+")[2]
    return version if mark.startswith("cpu") or not (mark or any(map(FOR_GRAPHICS_CARDS.match, needs))) else None


def pack(wheels: Path, extras: Sequence[str], out: Path) -> Path:
    """One archive of a folder of wheels, ours and pip's among them, with what installs them."""
    (own,) = wheels.glob("rag-*.whl")
    version = own.name.split("-")[1]
    machine, python = f"{platform.system()}-{platform.machine()}", "{}.{}".format(*sys.version_info[:2])
    name = f"rag-{version}-{machine}-python{python}-bundle"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=out) as beside:
        folder = Path(beside) / name
        shutil.copytree(wheels, folder / "wheels", ignore=lambda _, names: [n for n in names if n[-4:] != ".whl"])
        shutil.copy(ROOT / "deploy/install.sh", folder)
        shutil.copy(ROOT / "LICENSE", folder)
        told = {
            "VERSION": version, "EXTRAS": f"[{','.join(extras)}]" if extras else "", "MACHINE": machine,
            "PYTHON": python, "MB": str(int(COMPILED * unpacked_mb(folder / "wheels")) + 1),
        }  # fmt: skip
        (folder / "bundle.env").write_text("".join(f'BUNDLE_{key}="{value}"\n' for key, value in told.items()), "utf-8")
        files = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
        sums = [f"{sha256(folder / file)}  {file.as_posix()}\n" for file in files]
        (folder / "SHA256SUMS").write_text("".join(sums), "utf-8")
        packed = Path(beside) / "packed"
        with tarfile.open(packed, "w") as archive:  # wheels are packed already
            archive.add(folder, name)
        return packed.replace(out / f"{name}.tar")


def unpacked_mb(wheels: Path) -> int:
    total = 0
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            total += sum(info.file_size for info in archive.infolist())
    return total // 1_000_000 + 1


def sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


if __name__ == "__main__":
    main()
