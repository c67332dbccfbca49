"""The life of a Release, from its making to its end, with a controller beside an API server in memory."""

import json
from collections.abc import Iterator

import pytest

from support.fake_api_server import FakeApiServer, Program
from support.running_controller import ENCODED, PASSWORD, VALUES, Json, Releases, RunningController, release

pytestmark = pytest.mark.usefixtures("controller")
FINALIZER = "ks-universal.io/uninstall"


@pytest.fixture
def server(api_server: FakeApiServer) -> FakeApiServer:
    api_server.put({"kind": "Namespace", "metadata": {"name": "system"}})
    api_server.kubelet.default = Program()
    api_server.kubelet.run("app-migrations", Program(("migrating with correct-horse",), 0))
    return api_server


@pytest.fixture
def releases(server: FakeApiServer) -> Releases:
    return Releases(server)


@pytest.fixture
def controller(server: FakeApiServer) -> Iterator[RunningController]:
    running = RunningController(server)
    yield running
    running.end()
    with server.store.changed:
        told = [server.store.find(plural) for plural in ("releases", "events", "leases")]
    for body in told[0]:
        body["spec"] = {}
    text = json.dumps([told, running.lines])
    assert PASSWORD not in text
    assert ENCODED not in text


def find(server: FakeApiServer, plural: str, name: str) -> Json:
    found = server.get(plural, name)
    assert found is not None
    return found


def list_made(server: FakeApiServer, plural: str) -> list[Json]:
    """All that objects of a kind have been."""
    with server.store.changed:
        return [each.after for each in server.store.history if each.key.plural == plural and each.after is not None]


def test_a_release_comes_up_and_is_removed_with_its_object(server: FakeApiServer, releases: Releases) -> None:
    releases.put(release())
    releases.await_settled()
    status = releases.status()
    assert status["observedGeneration"] == 1
    assert status["revision"] == 1
    assert status["images"] == ["app:v1"]
    assert releases.condition("Ready")["status"] == "True"
    assert [each["type"] for each in status["conditions"]] == ["Ready"]
    assert find(server, "releases", "shop")["metadata"]["finalizers"] == [FINALIZER]
    assert server.names("deployments") == ["app"]
    asked = {each.headers["impersonate-user"] for each in server.requests if "/deployments" in each.path}
    assert asked == {"system:serviceaccount:ns:default"}

    server.delete("releases", "shop")
    server.await_that(lambda: releases.get() is None, 60)
    assert server.names("deployments") == []
    assert [reason for reason, _ in releases.events()][:2] == ["Started", "MigrationStarted"]


def test_a_failed_migration_stalls_until_the_values_are_corrected(server: FakeApiServer, releases: Releases) -> None:
    server.kubelet.run("app-migrations", Program(('FATAL: password "correct-horse" is wrong',), 1))
    releases.put(release())
    releases.await_settled()
    stalled = releases.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "MigrationFailed")
    assert releases.condition("Ready")["status"] == "False"
    failure = releases.status()["failure"]
    assert failure["step"] == "app/migrations"
    assert failure["code"].startswith("migrations/")
    assert failure["message"] in stalled["message"]
    assert server.names("deployments") == []

    releases.annotate(seen="nothing that matters")
    server.kubelet.run("app-migrations", Program((), 0))
    releases.edit(values=("v1", "v2"))
    releases.await_settled()
    assert releases.condition("Ready")["status"] == "True"
    assert releases.condition("Stalled") == {}
    assert releases.status()["images"] == ["app:v2"]
    assert "failure" not in releases.status()
    assert len({body["metadata"]["uid"] for body in list_made(server, "jobs")}) == 2
    assert "MigrationFailed" in [reason for reason, _ in releases.events()]


def test_a_failed_migration_is_tried_again_when_somebody_asks_for_it(server: FakeApiServer, releases: Releases) -> None:
    server.kubelet.run("app-migrations", Program((), 1), Program((), 0))
    releases.put(release())
    releases.await_settled()
    releases.annotate(reconcile_requested_at="now")
    server.await_that(lambda: releases.condition("Ready").get("status") == "True", 60)
    assert releases.status()["lastHandledReconcileAt"] == "now"


def test_a_change_in_the_middle_waits_for_the_run_and_then_only_the_newest_runs(
    server: FakeApiServer, releases: Releases
) -> None:
    server.kubelet.run("app-migrations", Program())
    releases.put(release())
    server.await_that(lambda: releases.status().get("step") == "app/migrations", 60)
    assert releases.condition("Reconciling")["status"] == "True"
    server.await_that(lambda: bool(server.pods_of("app-migrations")), 60)
    (pod,) = server.pods_of("app-migrations")
    releases.edit(values=("v1", "v2"))
    releases.edit(values=("v2", "v3"))
    server.kubelet.run("app-migrations", Program((), 0))
    server.kubelet.end(pod, "main", 0)
    server.await_that(lambda: releases.is_settled() and releases.status()["images"] == ["app:v3"], 60)
    assert releases.status()["revision"] == 2
    images = {body["spec"]["template"]["spec"]["containers"][0]["image"] for body in list_made(server, "deployments")}
    assert "app:v2" not in images


def test_a_change_in_the_middle_stops_the_run_where_the_spec_says_so(server: FakeApiServer, releases: Releases) -> None:
    server.kubelet.run("app-migrations", Program())
    releases.put(release(onChange="stop"))
    server.await_that(lambda: bool(server.pods_of("app-migrations")), 60)
    server.await_that(lambda: releases.status().get("step") == "app/migrations", 60)
    server.kubelet.run("app-migrations", Program((), 0))
    releases.edit(values=("v1", "v2"))
    releases.await_settled()
    assert releases.status()["images"] == ["app:v2"]
    assert releases.status()["revision"] == 2
    images = {body["spec"]["template"]["spec"]["containers"][0]["image"] for body in list_made(server, "deployments")}
    assert images == {"app:v2"}


def test_a_suspended_release_is_left_alone_and_goes_without_what_it_has_brought_up(
    server: FakeApiServer, releases: Releases
) -> None:
    releases.put(release(suspend=True))
    releases.await_reason("Suspended")
    assert releases.condition("Ready")["status"] == "Unknown"
    assert server.names("deployments") == []
    releases.edit(suspend=False)
    releases.await_settled()
    releases.edit(values=("v1", "v2"), suspend=True)
    server.delete("releases", "shop")
    server.await_that(lambda: releases.get() is None, 60)
    assert server.names("deployments") == ["app"]


def test_a_suspended_release_says_what_is_so_and_what_is_not_carried_out(
    server: FakeApiServer, releases: Releases
) -> None:
    def await_suspended() -> Json:
        """Wait until it is said of the newest generation; gives the condition Ready."""
        generation = find(server, "releases", "shop")["metadata"]["generation"]
        server.await_that(lambda: releases.condition("Suspended").get("observedGeneration") == generation, 60)
        assert releases.condition("Reconciling") == {}
        assert releases.status()["observedGeneration"] == generation
        ready = releases.condition("Ready")
        assert ready["observedGeneration"] == generation
        return ready

    releases.put(release())
    releases.await_settled()
    before = releases.condition("Ready")
    releases.edit(suspend=True)
    ready = await_suspended()
    assert (ready["status"], ready["message"]) == ("True", before["message"])
    assert ready["lastTransitionTime"] == before["lastTransitionTime"]
    server.await_that(lambda: "Suspended" in [reason for reason, _ in releases.events()], 60)

    releases.edit(values=("v1", "v2"))
    ready = await_suspended()
    assert (ready["status"], ready["reason"]) == ("Unknown", "Suspended")
    assert "revision 1 was the last" in ready["message"]
    assert releases.status()["images"] == ["app:v1"]
    releases.edit(values=("v2", "v1"))
    releases.edit(suspend=False)
    server.await_that(lambda: releases.is_settled() and releases.condition("Suspended") == {}, 60)

    server.kubelet.run("app-migrations", Program((), 1))
    releases.edit(values=("v1", "v3"))
    releases.await_reason("MigrationFailed")
    releases.edit(suspend=True)
    assert await_suspended()["reason"] == "MigrationFailed"
    assert releases.condition("Stalled")["status"] == "True"

    releases.edit(suspend=False, valuesFrom=[{"kind": "ConfigMap", "name": "missing"}])
    releases.await_reason("ValuesMissing")
    releases.edit(suspend=True)
    ready = await_suspended()
    assert (ready["status"], ready["reason"]) == ("False", "ValuesMissing")


def test_values_come_from_config_maps_and_secrets_and_are_looked_at_again(
    server: FakeApiServer, releases: Releases
) -> None:
    reference = [
        {"kind": "ConfigMap", "name": "base"},
        {"kind": "Secret", "name": "over", "key": "v", "optional": True},
    ]
    releases.put(release(values="", valuesFrom=reference, interval="1s"))
    releases.await_reason("ValuesMissing")
    assert releases.status()["failure"]["code"] == "release/values-missing"
    assert releases.condition("Reconciling")["status"] == "True"
    server.put({"kind": "ConfigMap", "metadata": {"name": "base"}, "data": {"values.yaml": VALUES}})
    releases.await_settled()
    assert releases.status()["images"] == ["app:v1"]
    over = "deployments: {app: {containers: {main: {imageTag: v2}}}}"
    server.put({"kind": "Secret", "metadata": {"name": "over"}, "stringData": {"v": over}})
    server.await_that(lambda: releases.status().get("images") == ["app:v2"], 60)


def test_what_is_wrong_with_values_is_in_the_status_and_of_secrets_nothing_is_quoted(
    server: FakeApiServer, releases: Releases
) -> None:
    wrong = "deployments: {app: {replicas: correct-horse, migrations: {backofLimit: 1}}}"
    server.put({"kind": "Secret", "metadata": {"name": "over"}, "stringData": {"values.yaml": wrong}})
    releases.put(release(valuesFrom=[{"kind": "Secret", "name": "over"}]))
    releases.await_settled()
    stalled = releases.condition("Stalled")
    assert stalled["reason"] == "InvalidValues"
    assert "Secret/over (values.yaml):1:" in stalled["message"]
    assert "backofLimit" in stalled["message"]
    assert releases.status()["failure"]["code"].startswith("values/")
    assert server.names("jobs") == []


def test_values_that_make_nothing_are_said_and_remove_nothing(server: FakeApiServer, releases: Releases) -> None:
    releases.put(release())
    releases.await_settled()
    releases.edit(values={})
    releases.await_settled()
    assert releases.condition("Stalled")["reason"] == "InvalidValues"
    assert releases.status()["failure"]["code"] == "request/nothing"
    assert server.names("deployments") == ["app"]


def test_a_spec_that_cannot_be_read_is_said_and_can_be_deleted(server: FakeApiServer, releases: Releases) -> None:
    releases.put(release(timeout="soon"))
    releases.await_settled()
    assert "spec.timeout is no duration" in releases.condition("Stalled")["message"]
    releases.edit(timeout="10m")
    releases.await_reason("Succeeded")
    releases.edit(timeout="later")
    releases.await_settled()
    server.delete("releases", "shop")
    server.await_that(lambda: releases.get() is None, 60)
    assert server.names("deployments") == []


def test_drift_is_reported_or_repaired(server: FakeApiServer, releases: Releases) -> None:
    def scale(body: Json) -> Json:
        return {**body, "spec": {**body["spec"], "replicas": 5}}

    releases.put(release(interval="1s"))
    releases.await_settled()
    server.edit("deployments", "app", scale)
    releases.await_reason("Drifted", "Drifted")
    assert releases.condition("Drifted")["message"].startswith("Deployment/app has changed")
    assert releases.condition("Ready")["status"] == "True"
    assert find(server, "deployments", "app")["spec"]["replicas"] == 5
    releases.edit(drift={"mode": "repair"})
    server.await_that(lambda: find(server, "deployments", "app")["spec"]["replicas"] == 1, 60)
    server.await_that(lambda: releases.condition("Drifted") == {}, 60)
    server.edit("deployments", "app", scale)
    server.await_that(lambda: find(server, "deployments", "app")["spec"]["replicas"] == 1, 60)

    def annotate(body: Json) -> Json:
        template = {**body["spec"]["template"], "metadata": {**body["spec"]["template"]["metadata"]}}
        template["metadata"]["annotations"] = {**template["metadata"].get("annotations", {}), "seen": "by somebody"}
        return {**body, "spec": {**body["spec"], "template": template}}

    server.edit("deployments", "app", annotate)
    releases.await_reason("Drifted", "Drifted")
    assert "kubectl-edit has changed its pods" in releases.condition("Drifted")["message"]


def test_a_change_reads_its_record_once_and_of_its_namespace_only_what_it_has_to_see(
    server: FakeApiServer, releases: Releases
) -> None:
    releases.put(release())
    releases.await_settled()
    before = len(server.requests)
    releases.edit(values=("v1", "v2"))
    releases.await_settled()
    asked = [each for each in server.requests[before:] if each.method == "GET"]
    records = [each for each in asked if "content=record" in each.parameters.get("labelSelector", "")]
    assert len(records) == 1
    selectors = {each.parameters.get("fieldSelector") for each in asked if each.path.endswith("/events")}
    assert len(selectors) == 1
    assert "source!=ks-universal,reason!=Scheduled" in str(selectors)
    pods = {each.parameters.get("labelSelector") for each in asked if each.path.endswith(("/pods", "/replicasets"))}
    # By its Job where the log is wanted before the watch has told of the pod.
    assert pods - {"batch.kubernetes.io/job-name=app-migrations"} == {"app.kubernetes.io/instance=shop"}
