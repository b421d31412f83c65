"""Keys, rates and quotas, in memory and, where there is one, in a Redis that two services share."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from scripted import scripted

from nmt.__main__ import main
from nmt.errors import ConfigError, InvalidInput
from serve.app import create_app
from serve.keys import Keys
from serve.settings import Settings


def client_of(settings: Settings) -> TestClient:
    translator = scripted(["en", "es"], [("en", "es")], lambda text, target, via: "Buenos días.")
    return TestClient(create_app(settings, translator))


BODY = {"q": "Good morning.", "source": "en", "target": "es"}


def test_a_client_that_asks_too_often_is_told_when_to_come_back() -> None:
    with client_of(Settings(requests_per_minute=3)) as client:
        many = client.post("/translate", json={**BODY, "q": ["a", "b"]})  # counts as two
        one = client.post("/translate", json=BODY)
        refused = client.post("/translate", json=BODY)
        deepl = client.post("/v2/translate", json={"text": ["a"], "target_lang": "ES"})
    assert (many.status_code, one.status_code) == (200, 200)
    assert refused.status_code == 429 and "Slowdown: 3" in refused.json()["error"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert deepl.status_code == 429 and "Slowdown" in deepl.json()["message"]


def test_keys_are_given_in_the_body_the_query_or_a_header(tmp_path: Path) -> None:
    key = Keys(tmp_path / "keys").create("alice")
    with client_of(Settings(keys=tmp_path / "keys")) as client:
        assert client.post("/translate", json=BODY).status_code == 403
        assert client.post("/translate", json={**BODY, "api_key": "x"}).json() == {
            "error": "Invalid API key"
        }
        assert client.post("/translate", json={**BODY, "api_key": key}).status_code == 200
        assert client.post(f"/translate?api_key={key}", data=BODY).status_code == 200
        bearer = {"Authorization": f"Bearer {key}"}
        assert client.post("/translate", json=BODY, headers=bearer).status_code == 200
        assert client.post("/mix", json={**BODY, "languages": ["en", "es"]}).status_code == 403
        assert client.get("/frontend/settings").json()["keyRequired"] is True
        assert client.get("/healthz").status_code == 200


def test_whoever_has_no_key_may_have_a_lower_limit(tmp_path: Path) -> None:
    key = Keys(tmp_path / "keys").create("alice", requests_per_minute=100)
    settings = Settings(keys=tmp_path / "keys", require_key=False, requests_per_minute=1)
    with client_of(settings) as client:
        assert [client.post("/translate", json=BODY).status_code for _ in range(2)] == [200, 429]
        with_key = {**BODY, "api_key": key}
        assert [client.post("/translate", json=with_key).status_code for _ in range(3)] == [200] * 3


def test_a_quota_of_characters_is_used_up(tmp_path: Path) -> None:
    key = Keys(tmp_path / "keys").create("alice", characters_per_month=20)
    with client_of(Settings(keys=tmp_path / "keys")) as client:
        asked = [client.post("/translate", json={**BODY, "api_key": key}) for _ in range(2)]
    assert [response.status_code for response in asked] == [200, 429]
    assert "20 characters" in asked[1].json()["error"]


def test_only_hashes_are_kept(tmp_path: Path) -> None:
    key = Keys(tmp_path / "keys").create("alice")
    assert key.encode() not in (tmp_path / "keys").read_bytes()


def test_the_command_creates_lists_and_revokes_keys(tmp_path: Path) -> None:
    path = str(tmp_path / "keys")
    runner = CliRunner()
    made = runner.invoke(main, ["keys", "create", "--keys", path, "alice"])
    key = made.stdout.strip()
    assert made.exit_code == 0 and Keys(Path(path)).find(key)
    again = runner.invoke(main, ["keys", "create", "--keys", path, "alice"])
    assert again.exit_code == 1 and "'alice' already" in again.stderr
    assert "alice\tvalid\ttranslate" in runner.invoke(main, ["keys", "list", "--keys", path]).stdout
    assert runner.invoke(main, ["keys", "revoke", "--keys", path, "alice"]).exit_code == 0
    assert Keys(Path(path)).find(key) is None
    assert "revoked" in runner.invoke(main, ["keys", "list", "--keys", path]).stdout
    unknown = runner.invoke(main, ["keys", "revoke", "--keys", path, "bob"])
    assert unknown.exit_code == 1 and "'bob'" in unknown.stderr


def test_a_file_that_is_no_database_and_a_storage_that_is_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("not a database " * 100)
    with pytest.raises(InvalidInput, match="cannot hold API keys"):
        Keys(tmp_path / "keys")
    with pytest.raises(ConfigError, match="storage cannot be 'nowhere://'"):
        client_of(Settings(storage="nowhere://"))


@pytest.fixture
def redis() -> Iterator[str]:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_two_services_share_rates_in_redis(redis: str) -> None:
    settings = Settings(requests_per_minute=2, storage=redis)
    statuses = []
    for _ in range(2):  # one after the other: what was counted stays
        with client_of(settings) as client:
            statuses += [client.post("/translate", json=BODY).status_code for _ in range(2)]
    assert statuses == [200, 200, 429, 429]
