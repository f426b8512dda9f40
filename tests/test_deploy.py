"""deploy/ says what exists: its files parse, its command lines and settings are the product's, its parts name each other."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from rag.cli.commands import app

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / "rag.service").read_text("utf-8"))
    return parser


def containers(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            yield from manifest["spec"]["template"]["spec"]["containers"]


def command_lines() -> list[list[str]]:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"].values()
    found = [s["command"] for s in services if "rag" in s["image"].split(":")[0].split("/")[-1:]]
    found += [
        c["command"] for c in containers(list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))))
    ]
    found.append(shlex.split(unit()["Service"]["ExecStart"]))
    found += [
        re.findall(r'"([^"]+)"', line)
        for line in re.findall(r"^CMD (.*)$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.M)
    ]
    return found


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_every_command_line_exists(words: list[str]) -> None:
    assert Path(words[0]).name == "rag"
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert words[1] in commands
    known = {option for parameter in commands[words[1]].params for option in parameter.opts}
    assert {word for word in words[2:] if word.startswith("-")} <= known


def test_two_servers_and_two_workers_stand_behind_a_proxy(compose: dict[str, Any]) -> None:
    services = compose["services"]
    named = [name for name in services if name.startswith(("server", "worker"))]
    assert len(named) == 4
    proxy = (DEPLOY / "nginx.conf").read_text("utf-8")
    assert set(re.findall(r"server (server-\d):7860", proxy)) == {n for n in named if n.startswith("server")}
    assert proxy.count("{") == proxy.count("}")
    assert [name for name, s in services.items() if "ports" in s] == ["proxy"], "nothing else is open to the outside"
    for name in named:
        told = services[name]["environment"]
        assert "@postgres:5432/" in told["RAG_LIBRARY"]
        assert told["RAG_SEARCH"] == "milvus://milvus:19530"
        assert set(services[name]["depends_on"]) == {"postgres", "milvus"} <= set(services)
    used = {v.split(":")[0] for s in services.values() for v in s.get("volumes", []) if not v.startswith(".")}
    assert used == set(compose["volumes"])
    assert all(
        (DEPLOY / v.split(":")[0]).exists() for s in services.values() for v in s.get("volumes", []) if v[0] == "."
    )
    assert (DEPLOY / services["server-1"]["build"]["context"] / services["server-1"]["build"]["dockerfile"]).is_file()


def test_no_password_is_written_down(compose: dict[str, Any]) -> None:
    assert compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${")
    for file in DEPLOY.iterdir():
        for address in re.findall(r"://[^\s:/]+:([^@\s]+)@", file.read_text("utf-8")):
            assert address.startswith("$"), file


def test_settings_are_those_that_are_read(compose: dict[str, Any], manifests: list[dict[str, Any]]) -> None:
    named = {name for s in compose["services"].values() for name in s.get("environment", {}) if name.startswith("RAG_")}
    named |= {e["name"] for c in containers(manifests) for e in c["env"]}
    named |= set(re.findall(r"Environment=(RAG_\w+)=", (DEPLOY / "rag.service").read_text("utf-8")))
    read = set(re.findall(r'"(RAG_\w+)"', (ROOT / "rag/settings.py").read_text("utf-8")))
    assert {"RAG_LIBRARY", "RAG_SEARCH"} <= named <= read


def test_pods_are_chosen_by_their_labels(manifests: list[dict[str, Any]]) -> None:
    pods = []
    for one in manifests:
        if one["kind"] == "Deployment":
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
            assert one["spec"]["replicas"] == 2
            pods.append(labels)
    (service,) = [one for one in manifests if one["kind"] == "Service"]
    assert sum(service["spec"]["selector"].items() <= labels.items() for labels in pods) == 1
    assert all(c["securityContext"]["runAsNonRoot"] for c in containers(manifests))


def test_what_is_copied_into_the_image_is_there() -> None:
    for line in re.findall(r"^COPY (.*)$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.M):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
