"""What is masked, and what stays readable, in all that the commands print and leave on a real cluster."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ks_universal.cli import run
from support.deploying import kubectl, write
from support.encoders import ENCODERS
from support.shell import Outcome

PASSWORDS = ("p@ss/Zq55'1", "p@ss/Zq55'2")
NESTED = ("Zq66-nested-1", "Zq66-nested-2")
LINES = (
    "INFO Booting production on port 5432, redis: true",
    'FATAL: role "shop" does not exist in postgres://shop:***@pg:5432/shop',
    "waits for Deployment/shop",
)


def make_values(version: int, status: int) -> str:
    """Write values whose migration tells its Secrets in every form; the password is in plain elsewhere, too."""
    password, nested, level = PASSWORDS[version], NESTED[version], ("info", "debug")[version]
    forms = [f"{name}: {encode(text)}" for name, encode in ENCODERS.items() for text in (password, nested)]
    told = "\n".join((*forms, *(line.replace("***", password) for line in LINES), "")).encode()
    octal = "".join(f"\\{byte:03o}" for byte in told)
    url = f"postgres://shop:{ENCODERS['percent'](password)}@pg:5432/shop"
    docker = json.dumps({"auths": {"r.example.com": {"username": "robot", "password": nested}}})
    settings = {"URL": url, "LEVEL": level, "RAILS_ENV": "production"}
    secret = {"DB_PASSWORD": password, "DB_USER": "shop", "DB_NAME": "shop", "RAILS_ENV": "production", "DB_PORT": 5432}
    more = {"LOG_LEVEL": level, "LOG_TO_STDOUT": True, "REDIS_PASSWORD": "redis", "docker.json": docker}
    migrations = {"command": ["sh", "-c"], "args": [f"printf '{octal}'; exit {status}"], "backoffLimit": 0}
    main = {
        "image": "busybox:local",
        "command": ["sleep", "1000"],
        "env": [{"name": "PLAIN", "value": password}, {"name": "LEVEL", "value": level}],
        "envFrom": [{"type": "secret", "configName": "env"}],
    }
    return json.dumps(
        {
            "configs": {
                "settings": {"data": settings, "annotations": {"example.com/was": f"with {password}"}},
                "env": {"type": "secret", "data": secret | more},
            },
            "deployments": {
                "shop": {
                    "replicas": 1,
                    "terminationGracePeriodSeconds": 0,
                    "migrations": {"enabled": True, **migrations},
                    "containers": {"main": main},
                }
            },
        }
    )


class Release:
    """Runs commands on a release, and keeps all that they print."""

    def __init__(self, namespace: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.namespace = namespace
        self.folder = folder
        self.told = ""
        self._capfd = capfd

    def __call__(self, command: str, *more: str, values: str | None = None) -> Outcome:
        given = ("-f", write(self.folder, values)) if values is not None else ()
        status = run([command, "shop", "-n", self.namespace, *given, *more])
        captured = self._capfd.readouterr()
        self.told += captured.out + captured.err
        return Outcome(status, captured.out, captured.err)


@pytest.fixture
def release(namespace: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Release:
    return Release(namespace, tmp_path, capfd)


def find_leaks(text: str) -> Iterator[str]:
    for secret in (*PASSWORDS, *NESTED):
        yield from (f"{name} of {secret}" for name, encode in ENCODERS.items() if encode(secret) in text)
        yield from (f"a part of {secret}" for part in ("Zq55", "Zq66") if part in text)


def test_no_leaks_neither_forms_nor_parts_nor_changes_show_a_secret_and_all_else_is_readable(release: Release) -> None:
    first = release("deploy", values=make_values(0, status=0))
    assert first.status == 0
    second = make_values(1, status=3)
    saved = release.folder / "plan.json"
    shown = release("plan", "--out", str(saved), values=second)
    release("plan", "-o", "json", values=second)
    failed = release("deploy", "-o", "json", values=second)
    assert failed.status == 3
    for command in ("status", "history", "logs"):
        release(command)
        release(command, "-o", "json")
    records = kubectl(release.namespace, "get", "configmaps", "-o", "yaml")
    kept = [body for body in yaml.safe_load(records)["items"] if body["metadata"]["name"].startswith("ks-universal")]
    assert len(kept) == 2
    events = kubectl(release.namespace, "get", "events", "-o", "json")
    told = release.told + saved.read_text() + str(kept) + events
    assert list(find_leaks(told)) == []
    assert [line for line in LINES if line not in first.out] == []
    assert "~ data.LEVEL: info -> debug" in shown.out
    assert "~ data.URL: postgres://shop:***@pg:5432/shop -> postgres://shop:***@pg:5432/shop (changed)" in shown.out
    assert "Deployment/shop" in shown.out
