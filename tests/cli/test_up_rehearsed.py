"""`up --rehearse` with the real PostgreSQL: each version's migrations are tried on what the ones before have made."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.up_process import Up

CREATE = "CREATE TABLE IF NOT EXISTS orders (id bigint, note text)"
DROP = "ALTER TABLE orders DROP COLUMN IF EXISTS note"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_values(sql: str, version: str) -> None:
    migrations = {
        "enabled": True,
        "command": ["sh", "-c"],
        "args": [f'psql -q -c "{sql}"'],
        "policy": {"failOn": ["loses-data"]},
    }
    main: dict[str, Any] = {"image": "web", "imageTag": version, "command": ["sh", "-c", "exec sleep 1000"]}
    values = {
        "deployments": {"web": {"migrations": migrations, "containers": {"main": main}}},
        "local": {"postgres": {"database": "web", "user": "web", "password": "web"}, "env": {
            "PGHOST": "$(LOCAL_POSTGRES_HOST)", "PGPORT": "$(LOCAL_POSTGRES_PORT)", "PGDATABASE": "web",
            "PGUSER": "web", "PGPASSWORD": "web",
        }},
    }  # fmt: skip
    Path("new.yaml").write_text(json.dumps(values))
    Path("new.yaml").rename("values.yaml")


def test_a_version_whose_rehearsal_the_policy_refuses_does_not_migrate() -> None:
    write_values(CREATE, "v1")
    up = Up("--watch", "--rehearse")
    first = up.read_until("Rehearsal")
    assert "loses-data" not in {verdict["code"] for verdict in first["verdicts"]}
    up.read_until("RunEnded", lambda event: event["outcome"] == "succeeded")
    write_values(DROP, "v2")
    second = up.read_until("Rehearsal", lambda event: "loses-data" in {each["code"] for each in event["verdicts"]})
    assert "public.orders" in {verdict["table"] for verdict in second["verdicts"]}
    refused = up.read_until("Problem")
    assert refused["code"] == "rehearsal/refused"
    assert up.interrupt() == 130
    runs = [event for event in up.events if event["type"] == "RunEnded"]
    assert len(runs) == 1
