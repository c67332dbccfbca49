"""What is deployed where, and which version a revision was: `list` and `history`, on an API server in memory."""

import json

import pytest

from support.fake_api_server import FakeApiServer, Program
from support.shell import Invoke, Write

VALUES = """
configs:
  settings: {type: configMap, data: {COLOUR: red}}
  db: {type: secret, data: {PASSWORD: correct-horse}}
deployments:
  app:
    replicas: 1
    migrations: {enabled: true, args: [migrate], backoffLimit: 0}
    containers:
      main:
        image: registry.example.com:5000/team/app
        imageTag: v1
        envFrom: [{type: configMap, configName: settings}, {type: secret, configName: db}]
"""


@pytest.fixture(autouse=True)
def released(ksu: Invoke, write: Write, api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two revisions, of which the second failed."""
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    write({"values.yaml": VALUES})
    api_server.kubelet.run("app-migrations", Program(("done",), 0))
    assert ksu("deploy", "shop", "-f", "values.yaml").status == 0
    changed = VALUES.replace("v1", "v2").replace("red", "blue").replace("correct-horse", "battery-staple")
    write({"values.yaml": changed})
    api_server.kubelet.run("app-migrations", Program(("broken",), 1))
    assert ksu("deploy", "shop", "-f", "values.yaml").status == 3


def test_the_history_says_which_version_each_revision_was(ksu: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    head, first, second = ksu("history", "shop").out.splitlines()
    assert head.split() == ["REVISION", "WHEN", "OUTCOME", "TOOK", "IMAGES", "MIGRATIONS", "BY"]
    assert (first.split()[0], "succeeded" in first, " app:v1 " in first) == ("1", True, True)
    assert (second.split()[0], "migration-failed" in second, " app:v2 " in second) == ("2", True, True)
    assert json.loads(ksu("history", "shop", "-o", "json").out)[1]["images"] == {
        "app": ["registry.example.com:5000/team/app:v2"]
    }
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = ksu("history", "shop").out.splitlines()
    assert ("\x1b[32msucceeded" in coloured[1], "\x1b[31mmigration-failed" in coloured[2]) == (True, True)
    assert "\x1b[31mmigration-failed" in ksu("status", "shop").out


def test_two_revisions_are_compared_without_a_secrets_value(ksu: Invoke) -> None:
    shown = ksu("history", "shop", "--diff", "1", "2")
    assert shown.status == 0
    assert "      ~ data.COLOUR: red -> blue\n" in shown.out
    assert "team/app:v1 -> registry.example.com:5000/team/app:v2" in shown.out
    assert "~ Job/app-migrations\n" in shown.out
    assert "data.PASSWORD: *** -> *** (changed)" in shown.out
    assert ksu("history", "shop", "--diff", "1", "1").out.endswith("  nothing\n")
    missing = ksu("history", "shop", "--diff", "1", "9")
    assert (missing.status, "error[release/no-revision]" in missing.err) == (1, True)
    assert ksu("history", "shop", "--diff", "1", "2", "--show", "1").status == 2


def test_the_releases_of_a_namespace_and_of_all_are_listed(ksu: Invoke, api_server: FakeApiServer) -> None:
    head, line = ksu("list").out.splitlines()
    assert head.split() == ["NAMESPACE", "NAME", "REVISION", "WHEN", "OUTCOME", "IMAGES", "BY"]
    assert line.split()[1:3] == ["shop", "2"]
    assert ("migration-failed" in line, " app:v2 " in line) == (True, True)
    (latest,) = json.loads(ksu("list", "-A", "-o", "json").out)
    assert (latest["release"], latest["number"], latest["outcome"]) == ("shop", 2, "migration-failed")
    elsewhere = ksu("list", "-n", "elsewhere")
    assert (elsewhere.status, elsewhere.out, elsewhere.err) == (0, "", "there are no releases here\n")
    name = next(name for name in api_server.names("configmaps") if name.endswith(".v2"))
    api_server.edit("configmaps", name, lambda body: {**body, "data": {"revision.json": "{"}})
    damaged = ksu("list")
    assert (damaged.out, "[record/unreadable]" in damaged.err) == ("", True)
