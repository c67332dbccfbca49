"""Controllers that begin, end, wait for each other and are killed, and API servers that are away or refuse."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ks_universal.controller import decisions, run, runner
from ks_universal.errors import TargetError
from support.fake_api_server import FakeApiServer, Fault, Program
from support.running_controller import Json, Releases, RunningController, release

Start = Callable[..., RunningController]
FORBIDDEN = json.dumps({"reason": "Forbidden", "message": 'User "x" cannot list'}).encode()
TERMINATING = json.dumps({"reason": "Forbidden", "message": "because it is being terminated"}).encode()
LEASE = "ks-universal-controller"


@pytest.fixture
def server(api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> FakeApiServer:
    monkeypatch.setattr(decisions, "_FIRST_PAUSE_S", 0.2)
    monkeypatch.setattr(runner, "_LOCK_WAIT_S", 0.2)
    api_server.put({"kind": "Namespace", "metadata": {"name": "system"}})
    api_server.kubelet.default = Program()
    api_server.kubelet.run("app-migrations", Program((), 0))
    return api_server


@pytest.fixture
def releases(server: FakeApiServer) -> Releases:
    return Releases(server)


@pytest.fixture
def start(server: FakeApiServer) -> Iterator[Start]:
    started: list[RunningController] = []

    def begin(**options: object) -> RunningController:
        started.append(RunningController(server, **options))
        return started[-1]

    yield begin
    for controller in started:
        controller.end()


def holder(server: FakeApiServer, name: str, namespace: str) -> str:
    lease = server.get("leases", name, namespace)
    return "" if lease is None else str(lease["spec"].get("holderIdentity") or "")


def count_jobs(server: FakeApiServer) -> int:
    """How many Jobs there have been."""
    with server.store.changed:
        made = [each.after for each in server.store.history if each.key.plural == "jobs" and each.after is not None]
    return len({body["metadata"]["uid"] for body in made})


def test_one_works_and_the_next_takes_the_migration_up_when_that_ends(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    server.kubelet.run("app-migrations", Program())
    first = start()
    releases.put(release())
    server.await_that(lambda: releases.status().get("step") == "app/migrations", 60)
    server.await_that(lambda: bool(server.pods_of("app-migrations")), 60)
    second = start()
    server.await_that(lambda: any("leads" in line for line in second.lines), 60)
    assert second.lines[0].startswith("waits: ")
    first.end()
    server.await_that(lambda: any("carries out generation" in line for line in second.lines), 60)
    (pod,) = server.pods_of("app-migrations")
    server.kubelet.end(pod, "main", 0)
    releases.await_settled()
    assert releases.condition("Ready")["status"] == "True"
    assert count_jobs(server) == 1
    assert "carries out generation" not in str(first.lines[2:])


def test_a_killed_one_is_followed_at_once_by_the_next_of_its_pod(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    server.kubelet.run("app-migrations", Program())
    killed = _start_process(server.kubeconfig, "pod-a")
    releases.put(release())
    server.await_that(lambda: releases.status().get("step") == "app/migrations", 60)
    server.await_that(lambda: bool(server.pods_of("app-migrations")), 60)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    locks = (holder(server, LEASE, "system"), holder(server, "ks-universal.shop", "ns"))
    assert all("pod-a" in lock for lock in locks)
    start(pod="pod-a", lease_s=600)
    (pod,) = server.pods_of("app-migrations")
    server.kubelet.end(pod, "main", 0)
    releases.await_settled()
    assert releases.condition("Ready")["status"] == "True"
    assert count_jobs(server) == 1


def test_what_was_carried_out_is_not_carried_out_again_after_a_restart(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    server.put({"kind": "ConfigMap", "metadata": {"name": "base"}, "data": {"values.yaml": "{}"}})
    releases.put(release(valuesFrom=[{"kind": "ConfigMap", "name": "base"}]))
    server.kubelet.run("app-migrations", Program((), 1))
    server.put({"kind": "Namespace", "metadata": {"name": "other"}})
    releases.put(release(namespace="other"))
    first = start()
    releases.await_settled()
    releases.await_settled(namespace="other")
    first.end()
    before = len(server.requests)
    second = start()
    server.await_that(lambda: any("leads" in line for line in second.lines), 60)
    releases.put(release("third", suspend=True))
    releases.await_reason("Suspended", name="third")
    assert [line for line in second.lines if "carries out generation" in line] == []
    asked = [each.path for each in server.requests[before:]]
    assert [path for path in asked if "/deployments" in path or "/jobs" in path] == []


@pytest.mark.parametrize(
    ("exit_code", "changes", "reason"),
    [(0, False, "Succeeded"), (1, False, "MigrationFailed"), (0, True, "Succeeded")],
    ids=["succeeded", "failed", "with-other-values-since"],
)
def test_an_end_that_a_killed_one_could_not_tell_is_in_the_record_of_its_run(
    server: FakeApiServer, releases: Releases, start: Start, exit_code: int, changes: bool, reason: str
) -> None:
    server.kubelet.run("app-migrations", Program())
    server.put({"kind": "ConfigMap", "metadata": {"name": "base"}, "data": {"values.yaml": "{}"}})
    killed = _start_process(server.kubeconfig, "pod-a")
    releases.put(release(valuesFrom=[{"kind": "ConfigMap", "name": "base"}]))
    server.await_that(lambda: releases.status().get("step") == "app/migrations", 60)
    server.await_that(lambda: bool(server.pods_of("app-migrations")), 60)
    server.fail(Fault("/releases/shop/status", "PATCH", times=10_000, cut="request"))
    (pod,) = server.pods_of("app-migrations")
    server.kubelet.end(pod, "main", exit_code)
    server.await_that(lambda: holder(server, "ks-universal.shop", "ns") == "", 60)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert releases.condition("Ready")["reason"] == "Progressing"
    if changes:
        changed = {"values.yaml": "deployments: {app: {containers: {main: {env: [{name: A, value: b}]}}}}"}
        server.edit("configmaps", "base", lambda body: {**body, "data": changed})
    server.kubelet.run("app-migrations", Program((), 0))
    server.heal()
    second = start(pod="pod-a")
    releases.await_settled()
    assert releases.condition("Ready")["reason"] == reason
    assert releases.status()["revision"] == (2 if changes else 1)
    assert ("failure" in releases.status()) is (exit_code != 0)
    assert count_jobs(server) == (2 if changes else 1)
    assert any("carries out generation" in line for line in second.lines) is changes
    server.await_that(lambda: reason in [each for each, _ in releases.events()], 60)
    releases.edit(values=("v1", "v2"))
    server.await_that(lambda: releases.status().get("images") == ["app:v2"], 60)
    assert releases.status()["revision"] == (3 if changes else 2)


def test_one_whose_lease_is_taken_writes_nothing_more_and_ends(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    server.kubelet.run("app-migrations", Program())
    first = start(lease_s=2)
    releases.put(release())
    server.await_that(lambda: releases.status().get("step") == "app/migrations", 60)
    server.await_that(lambda: bool(server.pods_of("app-migrations")), 60)

    def take(lease: Json) -> Json:
        return {**lease, "spec": {**lease["spec"], "holderIdentity": "another"}}

    server.edit("leases", LEASE, take, "system")
    error = first.await_end()
    assert isinstance(error, TargetError)
    assert error.problem.code == "controller/leadership-lost"
    assert holder(server, LEASE, "system") == "another"
    assert len(server.pods_of("app-migrations")) == 1


def test_a_cluster_without_the_kind_is_told_what_to_apply(server: FakeApiServer, start: Start) -> None:
    server.fail(Fault("/releases", status=404, body=b'{"reason": "NotFound"}'))
    error = start().await_end()
    assert isinstance(error, TargetError)
    assert error.problem.code == "controller/no-releases"


def test_an_account_without_rights_is_said_and_tried_again(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    server.fail(Fault("/namespaces/ns/leases", "GET", times=1, status=403, body=FORBIDDEN))
    start()
    releases.put(release())
    releases.await_settled()
    assert releases.condition("Ready")["status"] == "True"
    assert "Failed" in [reason for reason, _ in releases.events()]


def test_a_release_that_somebody_else_works_on_waits_for_them(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    lease = {"holderIdentity": "ann", "leaseDurationSeconds": 3600}
    labels = {"ks-universal.io/release": "shop"}
    server.put({"kind": "Lease", "metadata": {"name": "ks-universal.shop", "labels": labels}, "spec": lease})
    start()
    releases.put(release())
    releases.await_reason("Locked")
    assert "ann" in releases.condition("Ready")["message"]
    server.edit("leases", "ks-universal.shop", lambda body: {**body, "spec": {}})
    releases.await_settled()
    assert releases.condition("Ready")["status"] == "True"


def test_a_removal_that_is_refused_is_said_and_goes_on_when_it_can(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    start()
    releases.put(release())
    releases.await_settled()
    server.fail(Fault("/namespaces/ns/configmaps", "GET", times=2, status=403, body=FORBIDDEN))
    server.delete("releases", "shop")
    releases.await_reason("UninstallFailed")
    assert "spec.suspend: true" in releases.status()["failure"]["hint"]
    server.await_that(lambda: releases.get() is None, 60)
    assert server.names("deployments") == []


def test_a_release_goes_with_its_namespace_though_nothing_can_be_removed(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    controller = start()
    releases.put(release())
    releases.await_settled()
    server.fail(Fault("/namespaces/ns/configmaps", "GET", times=100, status=403, body=FORBIDDEN))
    server.fail(Fault("/namespaces/ns/events", "POST", times=100, status=403, body=TERMINATING))
    server.delete("releases", "shop")
    server.await_that(lambda: releases.get() is None, 60)
    assert controller.lines[-1] == "ns/shop: goes with its namespace"


def test_broken_watches_and_refused_writes_of_the_status_lose_nothing(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    start()
    server.fail(Fault("/releases/shop/status", "PATCH", times=5, status=500, body=b"etcd is away"))
    releases.put(release())
    server.drop_streams()
    server.await_that(lambda: releases.condition("Ready").get("status") == "True", 60)
    server.drop_streams()
    with server.store.changed:
        server.store.compact()
    releases.edit(values=("v1", "v2"))
    server.await_that(lambda: releases.status().get("images") == ["app:v2"], 60)


def test_releases_of_one_name_in_two_namespaces_are_two_and_others_namespaces_are_left_alone(
    server: FakeApiServer, releases: Releases, start: Start
) -> None:
    for namespace in ("other", "theirs"):
        server.put({"kind": "Namespace", "metadata": {"name": namespace}})
    start(namespaces=("ns", "other"), concurrency=1)
    for namespace in ("theirs", "other", "ns"):
        releases.put(release(namespace=namespace))
    releases.await_settled("shop", "ns")
    releases.await_settled("shop", "other")
    assert releases.status("shop", "theirs") == {}
    assert server.names("deployments", "theirs") == []


def test_a_namespace_whose_role_is_gone_ends_no_work_elsewhere_and_is_taken_up_when_it_is_back(
    server: FakeApiServer, releases: Releases, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_REFUSED_PAUSE_S", 0.2)
    server.put({"kind": "Namespace", "metadata": {"name": "other"}})
    controller = start(namespaces=("ns", "other"))
    releases.put(release(namespace="other"))
    releases.await_settled("shop", "other")
    server.fail(Fault("/namespaces/other/releases", "GET", times=6, status=403, body=FORBIDDEN))
    server.drop_streams()
    releases.put(release())
    releases.await_settled()
    server.await_that(lambda: any(line.startswith("other: ") for line in controller.lines), 60)
    releases.put(release("late", "configs: {late: {type: configMap, data: {A: b}}}", namespace="other"))
    releases.await_settled("late", "other")


def test_an_only_namespace_without_rights_ends_the_controller(server: FakeApiServer, start: Start) -> None:
    server.fail(Fault("/namespaces/ns/releases", "GET", times=100, status=403, body=FORBIDDEN))
    assert isinstance(start(namespaces=("ns",)).await_end(), TargetError)


def _start_process(kubeconfig: Path, pod: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "POD_NAMESPACE": "system", "POD_NAME": pod}
    command = [sys.executable, "-m", "ks_universal", "controller", "--kubeconfig", str(kubeconfig)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
