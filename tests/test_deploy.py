"""What the files for deployment name exists in the service."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from scripted import scripted

from serve.app import create_app
from serve.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
FILES = [ROOT / "compose.yaml", ROOT / "Dockerfile", *sorted((ROOT / "deploy").rglob("*.*"))]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in FILES}


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app(Settings(), scripted(["en", "es"], [], lambda *_: "sí")))


def parsed(name: str) -> list[dict[str, Any]]:
    return [tree for tree in yaml.safe_load_all(TEXTS[name]) if tree]


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith((".yaml", ".yml"))])
def test_yaml_can_be_read(name: str) -> None:
    assert parsed(name)


def test_every_metric_that_is_looked_at_exists(client: TestClient) -> None:
    with client:
        client.post("/translate", json={"q": "a", "source": "en", "target": "es"})
        exposed = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics").text, re.MULTILINE))
    texts = [*TEXTS.values(), (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")]
    used = {name for text in texts for name in re.findall(r"macaronic_[a-z_]+", text)}
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    assert used
    assert used <= exposed


def test_the_dashboard_shows_every_metric(client: TestClient) -> None:
    dashboard = TEXTS["deploy/grafana/dashboards/macaronic.json"]
    assert json.loads(dashboard)["panels"]
    names = re.findall(r"`(macaronic_\w+)`", (ROOT / "docs" / "deploy.md").read_text("utf-8"))
    assert [name for name in names if name not in dashboard] == []


def test_every_variable_is_a_setting() -> None:
    used = {name for text in TEXTS.values() for name in re.findall(rf"{PREFIX}[A-Z_]+", text)}
    assert used
    assert {name.removeprefix(PREFIX).lower() for name in used} <= set(Settings.model_fields)


def test_probes_ask_routes_that_exist(client: TestClient) -> None:
    (deployment,) = (
        tree for tree in parsed("deploy/kubernetes/macaronic.yaml") if tree["kind"] == "Deployment"
    )
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    with client:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert client.get(container[probe]["httpGet"]["path"]).status_code == 200
    ports = re.findall(r"EXPOSE (\d+)", TEXTS["Dockerfile"])
    assert [str(port["containerPort"]) for port in container["ports"]] == ports


def test_there_is_time_to_drain() -> None:
    settings = Settings()
    needed = settings.drain_delay_seconds + settings.drain_seconds
    (deployment,) = (
        tree for tree in parsed("deploy/kubernetes/macaronic.yaml") if tree["kind"] == "Deployment"
    )
    pod = deployment["spec"]["template"]["spec"]
    sleep = re.search(r"sleep\((\d+)\)", str(pod["containers"][0]["lifecycle"]))
    assert sleep and pod["terminationGracePeriodSeconds"] > needed + int(sleep[1])
    stop = re.search(r"TimeoutStopSec=(\d+)", TEXTS["deploy/macaronic.service"])
    assert stop and int(stop[1]) > needed
    grace = parsed("compose.yaml")[0]["services"]["macaronic"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > needed
