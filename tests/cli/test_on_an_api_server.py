"""The commands on an API server in memory: a release's life, and what goes wrong in it.

The same is asked of a real cluster in tests/cluster, whose controllers do more than these.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from support.fake_api_server import FakeApiServer, Fault, Program
from support.shell import Invoke, Outcome, Write

Json = dict[str, Any]
Deploy = Callable[..., Outcome]
PASSWORD, ENCODED = "correct-horse", "Y29ycmVjdC1ob3JzZQ"
VALUES = """
configs:
  settings: {type: configMap, data: {COLOUR: red}}
  db: {type: secret, data: {PASSWORD: correct-horse}}
persistentVolumeClaims:
  data: {accessModes: [ReadWriteOnce], size: 1Gi}
deployments:
  app:
    replicas: 1
    autoCreateService: true
    migrations:
      enabled: true
      args: [migrate]
      backoffLimit: 0
      rollback: {args: [undo]}
    containers:
      main:
        image: app
        imageTag: v1
        ports: {http: {containerPort: 80}}
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
        envFrom:
          - {type: configMap, configName: settings}
          - {type: secret, configName: db}
"""
FORBIDDEN = b'{"reason": "Forbidden", "message": "User \\"x\\" cannot"}'


@pytest.fixture(autouse=True)
def kubeconfig(api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    api_server.kubelet.run("app-migrations", Program(("migrating with correct-horse",), 0))


@pytest.fixture
def deploy(ksu: Invoke, write: Write) -> Deploy:
    """Deploys values, changed by texts: `deploy("v1", "v2", options=["--force"])`."""

    def run(*changes: str, values: str = VALUES, options: tuple[str, ...] = (), command: str = "deploy") -> Outcome:
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in values
            values = values.replace(old, new)
        write({"values.yaml": values})
        outcome = ksu(command, "shop", "-f", "values.yaml", *options)
        assert PASSWORD not in outcome.out + outcome.err
        assert ENCODED not in outcome.out + outcome.err
        return outcome

    return run


def find(server: FakeApiServer, plural: str, name: str) -> Json:
    found = server.get(plural, name)
    assert found is not None
    return found


def image(server: FakeApiServer) -> str:
    return str(find(server, "deployments", "app")["spec"]["template"]["spec"]["containers"][0]["image"])


def pods(server: FakeApiServer) -> list[str]:
    """The images of the Deployment's pods that run."""
    found = (pod for pod in server.pods_of("app") if "deletionTimestamp" not in pod["metadata"])
    return [pod["spec"]["containers"][0]["image"] for pod in found]


def react_to_reader(server: FakeApiServer, owner: str, act: Callable[[Json], object], container: str = "main") -> None:
    """Act once on the pod of a Job or Deployment when somebody follows the log of its container."""

    def react() -> bool:
        read = {each.path for each in server.requests if each.parameters.get("container") == container}
        for pod in server.pods_of(owner):
            if any(pod["metadata"]["name"] in path for path in read):
                act(pod)
                return True
        return False

    server.react(react)


def let_go(server: FakeApiServer, name: str) -> bool:
    """Take the finalizers off a ConfigMap that is being deleted, as what has set them does."""
    body = server.get("configmaps", name)
    if body is None or "deletionTimestamp" not in body["metadata"]:
        return False
    server.edit("configmaps", name, lambda body: {**body, "metadata": {**body["metadata"], "finalizers": []}})
    return True


def kill_when_told(server: FakeApiServer, pod: Json) -> bool:
    """Have a pod end that was told to, and does not listen."""
    if "deletionTimestamp" not in find(server, "pods", pod["metadata"]["name"])["metadata"]:
        return False
    server.kubelet.kill(pod)
    return True


def test_a_release_is_deployed_and_changed_and_shown_and_removed(
    deploy: Deploy, ksu: Invoke, api_server: FakeApiServer
) -> None:
    first = deploy()
    assert first.status == 0, first
    assert "migrating with ***" in first.out
    assert first.out.index("+ Secret/db") < first.out.index("attempt 1 started") < first.out.index("is up")
    assert pods(api_server) == ["app:v1"]

    again = deploy()
    assert again.status == 0
    assert "attempt" not in again.out

    second = deploy("v1", "v2", "COLOUR: red", "COLOUR: blue")
    assert second.status == 0
    assert pods(api_server) == ["app:v2"]
    assert find(api_server, "configmaps", "settings")["data"] == {"COLOUR": "blue"}

    status = ksu("status", "shop")
    assert (status.status, "app" in status.out) == (0, True)
    history = json.loads(ksu("history", "shop", "-o", "json").out)
    assert len(history["revisions"] if isinstance(history, dict) else history) == 3
    assert "migrating with ***" in ksu("logs", "shop").out

    gone = ksu("uninstall", "shop", "--yes")
    assert gone.status == 0, gone
    assert api_server.names("persistentvolumeclaims") == ["data"]
    for plural in ("deployments", "replicasets", "pods", "jobs", "secrets", "configmaps", "services", "leases"):
        assert api_server.names(plural) == [], plural


def test_a_migration_that_fails_leaves_the_version_that_serves(deploy: Deploy, api_server: FakeApiServer) -> None:
    assert deploy().status == 0
    api_server.kubelet.run("app-migrations", Program(("no correct-horse",), 7))
    failed = deploy("v1", "v2")
    assert failed.status == 3
    assert "failed step: app/migrations" in failed.out
    assert "| no ***" in failed.out
    assert image(api_server) == "app:v1"
    events = [body for name in api_server.names("events") if (body := api_server.get("events", name))]
    assert [body["reason"] for body in events][-2:] == ["MigrationStarted", "MigrationFailed"]
    assert {body["involvedObject"]["kind"] for body in events} == {"Deployment"}

    api_server.kubelet.run("app-migrations", Program((), 0))
    assert deploy("v1", "v2").status == 0
    assert image(api_server) == "app:v2"


def test_a_version_that_crashes_is_told_with_its_last_words_and_the_one_before_serves_on(
    deploy: Deploy, ksu: Invoke, api_server: FakeApiServer
) -> None:
    assert deploy().status == 0
    api_server.kubelet.run("app", Program(("no such table: correct-horse",), 1))
    failed = deploy("v1", "v2")
    assert failed.status == 4
    assert "| no such table: ***" in failed.out
    assert "1 pod of the version before still serves" in failed.out
    assert "app:v1" in pods(api_server)
    assert "kubernetes/crash-loop" in ksu("status", "shop").out

    api_server.kubelet.run("app", Program())
    back = ksu("rollback", "shop", "--yes")
    assert back.status == 0, back
    assert image(api_server) == "app:v1"


def test_a_version_that_is_never_ready_is_over_when_its_time_is(deploy: Deploy, api_server: FakeApiServer) -> None:
    api_server.kubelet.run("app", Program(ready=False))
    failed = deploy("replicas: 1", "replicas: 1\n    progressDeadlineSeconds: 1")
    assert failed.status == 4
    assert re.search(r"no progress for \d+ s", failed.out), failed.out


@pytest.mark.parametrize(
    ("waiting", "message"),
    [
        ({"reason": "ErrImagePull", "message": "app:v1: not found"}, "its image cannot be pulled"),
        ({"reason": "CreateContainerError", "message": "no space"}, "cannot start: no space"),
    ],
)
@pytest.mark.parametrize(("owner", "status"), [("app", 4), ("app-migrations", 3)])
def test_what_keeps_a_pod_from_its_start_is_told(
    deploy: Deploy, api_server: FakeApiServer, owner: str, status: int, waiting: Json, message: str
) -> None:
    api_server.kubelet.run(owner, Program(waiting=waiting))
    failed = deploy()
    assert failed.status == status
    assert message in failed.out


def test_back_to_a_version_by_its_undo_migration(deploy: Deploy, ksu: Invoke, api_server: FakeApiServer) -> None:
    assert deploy().status == 0
    assert deploy("v1", "v2", "args: [migrate]", "args: [migrate, more]").status == 0
    api_server.kubelet.run("app-migrations-undo", Program(("undoing",), 0))
    back = ksu("rollback", "shop", "--yes")
    assert back.status == 0, back
    assert image(api_server) == "app:v1"


def test_a_deploy_reaches_its_end_on_a_server_that_errs(deploy: Deploy, api_server: FakeApiServer) -> None:
    for status in (429, 503, 500):
        api_server.fail(Fault("namespaces/ns/", "GET", times=2, status=status, body=b"{}"))
        api_server.fail(Fault("namespaces/ns/", "PATCH", times=1, status=status, body=b"{}"))
    api_server.fail(Fault("/secrets", "PATCH", cut="answer"), Fault("/secrets", "POST", cut="answer"))
    api_server.fail(Fault("/jobs", "PATCH", cut="answer"), Fault("/deployments/", "PATCH", cut="answer"))
    api_server.fail(*(Fault("watch=true", cut=number, ends=number % 2 == 0, times=3) for number in (1, 2)))
    api_server.fail(Fault("follow=true", cut="request"), Fault("follow=true", cut=1))
    done = deploy()
    assert done.status == 0, done
    assert done.out.count("migrating with ***") == 1
    assert len(api_server.names("jobs")) == 1
    assert pods(api_server) == ["app:v1"]


def test_a_field_that_another_has_set_is_a_conflict_that_can_be_taken_over(
    deploy: Deploy, api_server: FakeApiServer
) -> None:
    assert deploy().status == 0
    api_server.edit("configmaps", "settings", lambda body: {**body, "data": {"COLOUR": "green"}})
    shown = deploy("COLOUR: red", "COLOUR: blue", command="plan")
    assert "kubectl-edit manages data.COLOUR" in shown.out + shown.err
    refused = deploy("COLOUR: red", "COLOUR: blue")
    assert refused.status == 1
    assert find(api_server, "configmaps", "settings")["data"] == {"COLOUR": "green"}
    assert deploy("COLOUR: red", "COLOUR: blue", options=("--take-ownership",)).status == 0
    assert find(api_server, "configmaps", "settings")["data"] == {"COLOUR": "blue"}


def test_an_object_of_another_is_left_alone(deploy: Deploy, api_server: FakeApiServer) -> None:
    theirs = {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"COLOUR": "theirs"}}
    api_server.put(theirs)
    refused = deploy()
    assert refused.status == 1
    assert "kubernetes/foreign-object" in refused.out + refused.err
    assert api_server.names("jobs") == api_server.names("deployments") == []
    assert deploy(options=("--take-ownership",)).status == 0
    assert find(api_server, "configmaps", "settings")["data"] == {"COLOUR": "red"}


def test_what_leaves_the_values_goes_also_where_a_finalizer_holds_it_for_a_while(
    deploy: Deploy, api_server: FakeApiServer
) -> None:
    values = yaml.safe_load(VALUES)
    values["configs"]["extra"] = {"type": "configMap", "data": {"A": "b"}}
    assert deploy(values=yaml.safe_dump(values)).status == 0

    def hold(body: Json) -> Json:
        return {**body, "metadata": {**body["metadata"], "finalizers": ["example.org/hold"]}}

    api_server.edit("configmaps", "extra", hold)
    api_server.react(lambda: let_go(api_server, "extra"))
    assert deploy().status == 0
    assert "extra" not in api_server.names("configmaps")


def test_a_paused_deployment_is_told_and_resumed_by_the_values(deploy: Deploy, api_server: FakeApiServer) -> None:
    assert deploy().status == 0
    api_server.edit("deployments", "app", lambda body: {**body, "spec": {**body["spec"], "paused": True}})
    paused = deploy("v1", "v2")
    assert paused.status == 1
    assert "Deployment/app is paused (by kubectl-edit)" in paused.out + paused.err
    assert deploy("v1", "v2", "replicas: 1", "replicas: 1\n    paused: false").status == 0
    assert pods(api_server) == ["app:v2"]


def test_an_autoscaler_has_the_number_of_pods(deploy: Deploy, api_server: FakeApiServer) -> None:
    assert deploy("replicas: 1", "replicas: 2").status == 0
    assert pods(api_server) == ["app:v1", "app:v1"]
    metric = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}"
    scaled = f"hpa: {{minReplicas: 2, maxReplicas: 4, metrics: [{metric}]}}"
    done = deploy("replicas: 1", scaled)
    assert done.status == 0, done
    assert find(api_server, "deployments", "app")["spec"]["replicas"] == 2


def test_a_namespace_is_made_where_that_is_asked_for(deploy: Deploy, api_server: FakeApiServer) -> None:
    missing = deploy(options=("-n", "new"))
    assert missing.status == 1
    assert "deploy with --create-namespace" in missing.err
    assert deploy(options=("-n", "new", "--create-namespace")).status == 0
    assert api_server.names("deployments", "new") == ["app"]


def test_a_migration_whose_pod_is_evicted_is_tried_again_and_that_counts_for_no_retry(
    deploy: Deploy, api_server: FakeApiServer
) -> None:
    api_server.kubelet.run("app-migrations", Program(("first",)), Program(("second",), 0))
    react_to_reader(api_server, "app-migrations", api_server.kubelet.evict)
    done = deploy()
    assert done.status == 0, done
    assert "disrupted" in done.out
    assert done.out.index("first") < done.out.index("second")


def test_a_migration_that_takes_too_long_is_ended(deploy: Deploy, api_server: FakeApiServer) -> None:
    api_server.kubelet.run("app-migrations", Program(("waits",)))
    failed = deploy("backoffLimit: 0", "backoffLimit: 0\n      timeout: 1s")
    assert failed.status == 3
    assert "did not end within its timeout of 1 s" in failed.out
    stopped = deploy(options=("--timeout", "5s"))
    assert stopped.status == 3
    assert not [name for name in api_server.names("pods") if name.startswith("app-migrations")]


def test_one_off_jobs_run_once_and_again_when_they_change(
    deploy: Deploy, ksu: Invoke, api_server: FakeApiServer
) -> None:
    values = (
        VALUES + "jobs:\n  seed:\n    wait: true\n    containers: {main: {image: app, imageTag: v1, args: [seed]}}\n"
    )
    api_server.kubelet.run("seed", Program(("seeding",), 0))
    done = deploy(values=values)
    assert done.status == 0, done
    first = find(api_server, "jobs", "seed")["metadata"]["uid"]
    assert deploy(values=values).status == 0
    assert find(api_server, "jobs", "seed")["metadata"]["uid"] == first
    api_server.kubelet.run("seed", Program(("no seed",), 5))
    failed = deploy("args: [seed]", "args: [seed, more]", values=values)
    assert failed.status != 0
    assert find(api_server, "jobs", "seed")["metadata"]["uid"] != first
    assert "seed" in ksu("status", "shop").out


def test_init_containers_are_followed(deploy: Deploy, api_server: FakeApiServer) -> None:
    values = yaml.safe_load(VALUES)
    values["deployments"]["app"]["initContainers"] = {"wait": {"image": "app", "imageTag": "v1", "args": ["wait"]}}
    api_server.kubelet.run("app/wait", Program(("waiting for correct-horse",)))
    react_to_reader(api_server, "app", lambda pod: api_server.kubelet.end(pod, "wait", 0), "wait")
    done = deploy(values=yaml.safe_dump(values))
    assert done.status == 0, done
    assert "waiting for ***" in done.out


def test_old_pods_that_stay_are_waited_for_and_told(deploy: Deploy, api_server: FakeApiServer) -> None:
    post = "backoffLimit: 0\n      steps: [{name: clean, phase: post, args: [clean]}]"
    api_server.kubelet.run("app", Program(stays=True))
    assert deploy().status == 0
    (old,) = api_server.pods_of("app")
    api_server.kubelet.run("app", Program())
    api_server.react(lambda: kill_when_told(api_server, old))
    done = deploy("v1", "v2", "backoffLimit: 0", post)
    assert done.status == 0, done
    assert old["metadata"]["name"] not in api_server.names("pods")


@pytest.mark.parametrize("command", ["status", "history", "logs"])
def test_whoever_may_only_read_configmaps_sees_the_record(
    deploy: Deploy, ksu: Invoke, api_server: FakeApiServer, command: str
) -> None:
    assert deploy().status == 0
    api_server.fail(Fault("/(secrets|leases)", times=999, status=403, body=FORBIDDEN))
    seen = ksu(command, "shop")
    assert seen.status == 0, seen
    assert "Traceback" not in seen.err


def test_a_role_is_printed_for_what_a_release_has(deploy: Deploy) -> None:
    role = deploy(command="rbac")
    assert role.status == 0
    rules = [rule for document in yaml.safe_load_all(role.out) if document for rule in document.get("rules", ())]
    assert {"deployments", "jobs", "leases"} <= {resource for rule in rules for resource in rule["resources"]}


def test_a_lock_of_another_is_told_and_broken_by_force(deploy: Deploy, ksu: Invoke, api_server: FakeApiServer) -> None:
    metadata = {"name": "ks-universal.shop", "labels": {"ks-universal.io/release": "shop"}}
    spec = {"holderIdentity": "somebody", "leaseDurationSeconds": 600}
    api_server.put({"kind": "Lease", "metadata": metadata, "spec": spec})
    refused = deploy(options=("--no-wait-lock",))
    assert refused.status == 5
    assert "somebody" in refused.err
    assert ksu("unlock", "shop").status != 0
    assert ksu("unlock", "shop", "--force").status == 0
    assert deploy().status == 0
