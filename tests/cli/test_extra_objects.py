"""Extra objects on an API server in memory, with a controller that makes a Secret, or does not."""

import re
import time
from typing import Any

import pytest

from ks_universal.targets.kubernetes.objects import awaited
from support.fake_api_server import FakeApiServer, Program
from support.shell import Invoke, Outcome, Write

Json = dict[str, Any]
PASSWORD = "correct-horse-battery"
VALUES = """
extraObjects:
  vault: {apiVersion: external-secrets.io/v1, kind: ClusterSecretStore}
  db:
    apiVersion: external-secrets.io/v1
    kind: ExternalSecret
    metadata: {annotations: {ks-universal.io/wait: "3"}}
    spec: {target: {name: shop-db}, data: [{secretKey: PASSWORD, remoteRef: {key: first}}]}
deployments:
  app:
    migrations: {enabled: true, args: [migrate], backoffLimit: 0}
    containers: {main: {image: app, imageTag: v1, envFrom: [{type: secret, configName: shop-db}]}}
"""


@pytest.fixture
def deploy(api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch, ksu: Invoke, write: Write) -> Any:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    api_server.kubelet.run("app-migrations", Program((f"migrating with {PASSWORD}",), 0))

    def run(values: str = VALUES, *options: str) -> Outcome:
        write({"values.yaml": values})
        return ksu("deploy", "shop", "-f", "values.yaml", *options)

    return run


def say(server: FakeApiServer, status: str, message: str, *, makes: bool, after_s: float = 0.0) -> None:
    """Have the controller say something of the version that it sees, once for each version, and make the Secret."""
    told: set[int] = set()
    seen_s: list[float] = []

    def control() -> bool:
        body = server.get("externalsecrets", "db")
        if body is None or body["metadata"]["generation"] in told:
            return False
        seen_s.append(time.monotonic())
        if seen_s[-1] < seen_s[0] + after_s:
            return False
        generation = body["metadata"]["generation"]
        told.add(generation)
        if makes:
            server.put(
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": "shop-db"},
                    "stringData": {"PASSWORD": PASSWORD},
                }
            )
        condition = {"type": "Ready", "status": status, "reason": "Reason", "message": message}
        seen = {"syncedResourceVersion": f"{generation}-x", "conditions": [condition]}
        server.store.set_status(body, seen)
        return False

    server.react(control)


def test_the_migration_waits_for_the_secret_and_its_value_is_masked(api_server: FakeApiServer, deploy: Any) -> None:
    say(api_server, "True", "synced", makes=True)
    done = deploy()
    assert done.status == 0, done.err
    assert "migrating with ***" in done.out
    assert PASSWORD not in done.out + done.err
    store = api_server.get("clustersecretstores", "vault", "")
    assert store is not None
    assert store["metadata"]["annotations"]["ks-universal.io/release-namespace"] == "ns"
    again = deploy()
    assert "0 to create, 0 to change, 0 to delete, 3 unchanged; 0 migrations to run" in again.out
    changed = deploy(VALUES.replace("first", "second"))
    assert "app/migrations runs: ExternalSecret.external-secrets.io/db changed (spec)" in changed.out
    assert changed.status == 0, changed.out


def test_what_a_controller_makes_late_is_noticed_by_a_watch(
    api_server: FakeApiServer, deploy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaited, "_UNWATCHED_S", 3600)
    say(api_server, "True", "synced", makes=True, after_s=5)
    done = deploy(VALUES.replace('wait: "3"', 'wait: "2h"'))
    assert done.status == 0, done.err
    assert "waits for it to be ready: " in done.out


def test_a_controller_that_fails_is_quoted_and_nothing_that_needs_it_starts(
    api_server: FakeApiServer, deploy: Any
) -> None:
    say(api_server, "False", "permission denied on path shop/db", makes=False)
    failed = deploy()
    assert failed.status == 4
    told = failed.out + failed.err
    assert re.search(r"is not ready after \d+ s: Reason: permission denied on path shop/db", told), told
    assert "not started: app/migrations, app/rollout" in told
    assert api_server.names("jobs") == []


def test_a_secret_that_nobody_makes_is_named(api_server: FakeApiServer, deploy: Any) -> None:
    failed = deploy()
    assert failed.status == 4
    told = failed.out + failed.err
    assert re.search(r"after \d+ s: Secret/shop-db is not there, and no controller has written a status", told), told
    assert "see whether its controller runs" in told
    assert api_server.names("jobs") == []


def test_an_object_that_is_not_to_be_waited_for_is_applied(api_server: FakeApiServer, deploy: Any) -> None:
    say(api_server, "False", "not yet", makes=True)
    assert deploy(VALUES.replace('wait: "3"', 'wait: "false"')).status == 0


def test_extra_objects_leave_with_the_values_and_come_back_with_a_rollback(
    api_server: FakeApiServer, deploy: Any, ksu: Invoke
) -> None:
    say(api_server, "True", "synced", makes=True)
    assert deploy().status == 0
    start, _, rest = VALUES.partition("  vault")
    without = start + "  db" + rest.partition("\n  db")[2]
    assert "- ClusterSecretStore.external-secrets.io/vault" in deploy(without).out
    assert api_server.get("clustersecretstores", "vault", "") is None
    assert ksu("rollback", "shop").status == 0
    assert api_server.get("clustersecretstores", "vault", "") is not None
    assert ksu("uninstall", "shop").status == 0
    assert api_server.names("externalsecrets") == []
    assert api_server.get("clustersecretstores", "vault", "") is None


def test_unknown_kinds_are_found_unless_their_definition_comes_with_them(
    api_server: FakeApiServer, deploy: Any
) -> None:
    gear = "\n  gear: {apiVersion: example.com/v1, kind: Widget}\n"
    refused = deploy(VALUES.replace("\n  vault", gear + "  vault"))
    assert refused.status == 1
    assert "the cluster does not know example.com/v1 Widget" in refused.err
    assert api_server.names("externalsecrets") == []
