"""Makes .venv ready to run, test and work on: `make setup`, on any Python from 3.11 with its standard library alone.

Comes in: pyproject.toml, requirements.lock (exact versions of all but PyTorch), TORCH from the environment (any
arguments for pip, or `none`). Goes out: .venv, with the stamp .venv/.ready written last. The one idea: a set-up
that did not reach its stamp is begun anew, one that did is not touched again until what it was made from changes.
"""

import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STARTED, READY, LOG = VENV / ".started", VENV / ".ready", VENV / "setup.log"
LOCK = ROOT / "requirements.lock"

# The first of these that is a CPU build is taken. On Linux the newer ones in the registry bring gigabytes for graphics
# cards that the product has no use for; the last is the range that has CPU builds for ARM there.
TORCH = ("torch==2.13.0", "torch>=2.5,<3", "torch>=2.5,<2.10")
FOR_GRAPHICS_CARDS = re.compile(r"(nvidia|cuda|triton|pytorch-triton|intel-|rocm)", re.IGNORECASE)

TOO_OLD = """\
需要 Python 3.11 或更新的版本，这里是 {found}。装好后再运行一次；已经装在别处就写明：make setup PYTHON=python3.12
Python 3.11 or newer is needed, this is {found}. Install one and try again, or name it: make setup PYTHON=python3.12"""
NO_VENV = """\
这个 Python 缺少 venv 和 pip。Debian、Ubuntu 上请先运行：sudo apt install python3-venv
This Python comes without venv and pip. On Debian and Ubuntu first run: sudo apt install python3-venv"""
FAILED = """\
安装没有完成，最后几行如上，全部记录在 .venv/setup.log。
多半是网络断了或磁盘满了：再运行一次 make setup 即可，下载过的不必重来。
The set-up did not finish; its last lines stand above, all of them in .venv/setup.log. Most often the network or
the disk is the reason: run make setup again, what was downloaded is kept."""
INTERRUPTED = """
安装中断了。再运行一次 make setup 会重新装好，下载过的不必重来。
Interrupted. Run make setup again; what was downloaded is kept."""
ABOUT = """\
安装到 .venv：资料库、检索、聊天界面（约 {core} MB），测试和检查工具（约 {tools} MB），
能装 CPU 版 PyTorch 时加上本地语言模型所需（约 {models} MB）。内置模型随代码而来，不用下载，不需要显卡。
Into .venv go the library, search and the chat (about {core} MB), tools for tests and checks (about {tools} MB) and,
where a CPU build of PyTorch can be had, what local language models need (about {models} MB). The built-in models come
with the code: nothing to download, no graphics card needed."""
NO_CPU_BUILD = """\
没有找到 CPU 版 PyTorch（为显卡编译的要多下载几个 GB，不装）；聊天、检索和问答用内置模型，功能完整。
以后想用自己的本地语言模型，请按 PyTorch 官方说明选 CPU 版，把给 pip 的参数写进来：make setup TORCH='torch …'
No CPU build of PyTorch was found (those for graphics cards are gigabytes more and stay out); chat, search and answers
work in full with the built-in models. To add local language models later, choose the CPU build as PyTorch's makers
describe and hand over its arguments for pip: make setup TORCH='torch …'"""
NOT_AS_LOCKED = """\
有的锁定版本不适合这台机器，改装允许范围内最新的。
Some locked version does not exist for this machine: the newest ones within the ranges are taken."""
MEASURED_MB = {"core": 620, "tools": 280, "models": 1200}  # on disk, Linux x86-64, Python 3.11


class Failed(Exception):
    """A command that did not succeed; its words are in the log."""


# ---------------------------------------------------------------- which PyTorch


def is_cpu_build(report):
    """Whether what pip would install, as its `--report` tells, is a PyTorch without anything for graphics cards.

    A version such as 2.13.0+cu130 says so itself; one without a mark requires packages named nvidia-…, cuda-… or
    triton on the platforms (markers) that it is built for.
    """
    torch = next(one["metadata"] for one in report["install"] if one["metadata"]["name"].lower() == "torch")
    mark = torch["version"].partition("+")[2]
    if mark:
        return mark.startswith("cpu")
    wanted = [r for r in torch.get("requires_dist") or () if holds_here(r, report["environment"])]
    return not any(FOR_GRAPHICS_CARDS.match(requirement) for requirement in wanted)


def holds_here(requirement, environment):
    """False where the marker of a requirement excludes this platform, or asks for an extra; else True.

    Only equalities joined by `and` are read: what else a marker may say is left undecided, that is taken to hold.
    """
    marker = requirement.partition(";")[2]
    if re.search(r"\bextra\s*==", marker):
        return False
    if re.search(r"\bor\b|\bnot\b", marker):
        return True
    equalities = re.findall(r"""(\w+)\s*==\s*["']([^"']*)["']""", marker)
    return all(environment.get(name, value) == value for name, value in equalities)


def choose_torch(ask):
    """The requirement, with its exact version, of the first CPU build among TORCH; None where there is none.

    `ask(requirement)` gives pip's report on it, or None where pip finds nothing that fits.
    """
    for requirement in TORCH:
        report = ask(requirement)
        if report is not None and is_cpu_build(report):
            torch = next(one["metadata"] for one in report["install"] if one["metadata"]["name"].lower() == "torch")
            return "torch=={}".format(torch["version"])
    return None


def ask_pip(requirement):
    """pip's report on what it would install. `fast-deps` reads a wheel's metadata without fetching the wheel."""
    arguments = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--report", "-", requirement]
    for more in (["--use-feature=fast-deps"], []):
        done = subprocess.run(
            [python(), "-m", "pip", *arguments, *more], capture_output=True, check=False,
            env=quiet_pip(), timeout=300,
        )  # fmt: skip
        if done.returncode == 0:
            return json.loads(done.stdout.decode("utf-8"))
    return None


# ---------------------------------------------------------------- the steps


def python():
    return str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def quiet_pip():
    return {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off"}


def fingerprint():
    """What a finished set-up was made from: two lines, the place and Python, and the packages."""
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    packages = json.dumps([project["build-system"], project["project"]], sort_keys=True).encode("utf-8")
    made_from = hashlib.sha256(packages + LOCK.read_bytes()).hexdigest()
    return "{} {}.{}\n{}\n".format(ROOT, *sys.version_info[:2], made_from)


def runs():
    """Whether the Python of .venv and its pip start at all."""
    try:
        return subprocess.run([python(), "-m", "pip", "--version"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0  # fmt: skip
    except OSError:
        return False


def has_torch():
    found = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)"
    return subprocess.run([python(), "-c", found], check=False).returncode == 0


def pip(*arguments):
    """Runs pip in .venv: names and sizes of what it fetches are shown, all its words go to the log."""
    command = [python(), "-m", "pip", *arguments]
    with LOG.open("a", encoding="utf-8") as log:
        log.write("$ {}\n".format(" ".join(command[1:])))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=quiet_pip()) as running:
            for line in running.stdout:
                words = line.decode("utf-8", "replace")
                log.write(words)
                fetched = re.match(r"\s*Downloading (\S+?)(?:-py\d|-cp\d|-none|\.tar).* \(([\d.]+ (?:MB|GB))\)", words)
                if fetched:
                    say("  {:<40}{:>10}".format(*fetched.groups()))
    if running.returncode:
        raise Failed


def pip_as_locked(*arguments):
    """Versions of requirements.lock; where one has no build for this machine, the newest in pyproject's ranges."""
    try:
        pip(*arguments, "-c", str(LOCK))
    except Failed:
        if not re.search("No matching distribution|ResolutionImpossible|conflicting", LOG.read_text("utf-8")):
            raise
        say(NOT_AS_LOCKED)
        pip(*arguments)


def make_venv():
    return subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False).returncode == 0


def begin():
    """An empty or a finished .venv that runs. One that was interrupted, was moved or does not run is made anew."""
    moved = READY.is_file() and READY.read_text("utf-8").splitlines()[0] != fingerprint().splitlines()[0]
    if STARTED.exists() or moved or not runs():
        if importlib.util.find_spec("ensurepip") is None:
            sys.exit(NO_VENV)
        shutil.rmtree(VENV, ignore_errors=True)
        VENV.mkdir()
        STARTED.touch()
        if not make_venv():
            sys.exit(NO_VENV)
    STARTED.touch()
    if READY.exists():
        READY.unlink()
    LOG.write_text("", encoding="utf-8")


def set_up(torch):
    """All steps. `torch`: what the user gave as TORCH: arguments for pip, "none", or "" for a look around."""
    say("pip …")
    pip_as_locked("install", "--upgrade", "pip")
    say("资料库、检索、聊天界面、测试工具 · library, search, chat, tools for tests …")
    pip_as_locked("install", "-e", str(ROOT) + "[dev]")
    if torch == "none":
        return
    if torch:
        say(f"PyTorch: {torch} …")
        pip("install", *shlex.split(torch))
    elif not has_torch():
        say("寻找 CPU 版 PyTorch · looking for a CPU build of PyTorch …")
        found = choose_torch(ask_pip)
        if found is None:
            say(NO_CPU_BUILD)
            return
        say(f"PyTorch: {found} …")
        pip("install", found)
    say("本地语言模型所需 · what local language models need …")
    pip_as_locked("install", "-e", str(ROOT) + "[models,dev]")


def megabytes(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink()) // 1_000_000


def say(words):
    print(words, flush=True)


def main():
    if sys.version_info < OLDEST:
        sys.exit(TOO_OLD.format(found=sys.version.split()[0]))
    if hasattr(sys.stdout, "reconfigure"):  # Chinese also where the console's own encoding lacks it
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        sys.stderr.reconfigure(encoding="utf-8", errors="replace")
    torch = os.environ.get("TORCH", "").strip()
    if not torch and READY.is_file() and READY.read_text("utf-8") == fingerprint() and runs():
        READY.touch()  # newer than the files it was made from: make need not ask again
        say(".venv 已经就绪 · .venv is ready")
        return
    began = time.monotonic()
    say(ABOUT.format(**MEASURED_MB))
    try:
        begin()
        set_up(torch)
    except Failed:
        tail = LOG.read_text("utf-8").splitlines()[-12:]
        sys.exit("\n".join("  " + line for line in tail) + "\n\n" + FAILED)
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        sys.exit(130)
    READY.write_text(fingerprint(), encoding="utf-8")
    STARTED.unlink()
    seconds, size = time.monotonic() - began, megabytes(VENV)
    say(f"装好了：{seconds:.0f} 秒，{size} MB · done in {seconds:.0f} s, {size} MB")


if __name__ == "__main__":
    main()
