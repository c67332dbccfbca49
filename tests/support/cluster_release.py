"""Kubernetes objects for releases on a real cluster, and targets with what happened on them."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

from ks_universal.engine.events import Event, LogWritten
from ks_universal.engine.target import Session
from ks_universal.model.format.migrations import Phase, Retry
from ks_universal.plan.records import State
from ks_universal.plan.steps import Apply, Migrate, Plan, RollOut
from ks_universal.resources.objects import Migration, Rendered
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.kinds import NAMESPACE, SERVICE_ACCOUNT
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget

Json = dict[str, Any]
E = TypeVar("E", bound=Event)
RELEASE = "shop"
LABELS = {"app.kubernetes.io/managed-by": "ks-universal", "app.kubernetes.io/instance": RELEASE}
LEASE_S = 3


class Events(list[Event]):
    """What happened, in order."""

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self if isinstance(event, kind)]

    def lines(self) -> list[str]:
        return [event.line for event in self.of(LogWritten)]


def sh(script: str, name: str = "main", **more: Any) -> Json:
    """A container that runs a shell script, and ends at once when it is told to."""
    return {"name": name, "image": "busybox:local", "command": ["sh", "-c", script], **more}


def serve(text: str = "ok", name: str = "main", **more: Any) -> Json:
    """A container that answers HTTP on port 8080."""
    script = f"trap 'exit 0' TERM; mkdir -p /tmp/w; echo {text} >/tmp/w/index.html; httpd -f -p 8080 -h /tmp/w & wait"
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    return sh(script, name, readinessProbe=probe, **more)


def migrate(
    *containers: Json,
    retries: int = 0,
    timeout_s: int | None = None,
    fatal: tuple[int, ...] = (),
    retry: Retry = Retry.ALL,
    digest: str = "d1",
    staged: tuple[Json, ...] = (),
    name: str = "app-migrations",
    **spec: Any,
) -> Migrate:
    """A migration step: the last container is the one that migrates, those before it are init containers."""
    *init, main = containers
    rules: list[Json] = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
    if fatal:
        rules.append({"action": "FailJob", "onExitCodes": {"operator": "In", "values": list(fatal)}})
    pod = {
        "restartPolicy": "Never",
        "containers": [main],
        "initContainers": init,
        "terminationGracePeriodSeconds": 2,
        **spec,
    }
    limits = {} if timeout_s is None else {"activeDeadlineSeconds": timeout_s}
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": LABELS},
        "spec": {
            "backoffLimit": retries,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": rules},
            **limits,
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }
    migration = Migration(
        application="app",
        step=None,
        phase=Phase.PRE,
        body=body,
        retries=retries,
        retry=retry,
        timeout_s=timeout_s,
        fatal_exit_codes=fatal,
    )
    return Migrate(
        id="app/migrations", application="app", migration=migration, digest=digest, why="test", staged=staged
    )


def roll_out(*containers: Json, replicas: int = 1, name: str = "app", **spec: Any) -> RollOut:
    """A step that rolls a Deployment out."""
    labels = {**LABELS, "app": name}
    pod = {"containers": list(containers), "terminationGracePeriodSeconds": 2, **spec}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    return RollOut(id=name, application=name, body=body)


def config(name: str, kind: str = "ConfigMap", **data: str) -> Json:
    """A ConfigMap or (with plain text) a Secret of the release."""
    field = "data" if kind == "ConfigMap" else "stringData"
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": LABELS}, field: data}


def apply(body: Json) -> Apply:
    return Apply(id=f"{body['kind']}/{body['metadata']['name']}", body=body)


@asynccontextmanager
async def api(namespace: str, kubeconfig: str | None = None) -> AsyncIterator[Client]:
    """The cluster's API, for the test's own looks and deeds."""
    client = Client(connect(kubeconfig), namespace)
    try:
        yield client
    finally:
        await client.close()


@contextmanager
def new_namespace(kubeconfig: str | None = None) -> Iterator[str]:
    """A namespace of a test's own, with a ServiceAccount for its pods; deleted at the end."""
    name = f"test-{uuid.uuid4().hex[:8]}"

    async def create() -> None:
        async with api(name, kubeconfig) as client:
            await client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            while await client.get(SERVICE_ACCOUNT, "default") is None:  # its pods would be refused until it is there
                await asyncio.sleep(0.05)

    async def delete() -> None:
        async with api(name, kubeconfig) as client:
            await client.delete(NAMESPACE, name)

    asyncio.run(create())
    yield name
    asyncio.run(delete())


@asynccontextmanager
async def release(namespace: str, **options: Any) -> AsyncIterator[tuple[KubernetesTarget, Events]]:
    """A target on the namespace, and the list that its events are to be appended to."""
    client = Client(connect(), namespace)
    target = KubernetesTarget(client, RELEASE, ClusterOptions(**{"lease_s": LEASE_S, **options}))
    try:
        yield target, Events()
    finally:
        await target.close()


def session_on(target: KubernetesTarget) -> Session:
    """A session that knows of nothing in the namespace, for an empty plan."""
    plan = Plan(release=RELEASE, namespace=target.namespace, revision=1, steps=())
    return target.open_session(Rendered(RELEASE, target.namespace, (), ()), State(), plan)


@asynccontextmanager
async def new_session(namespace: str, **options: Any) -> AsyncIterator[tuple[Session, Events]]:
    """Such a session, on such a target."""
    async with release(namespace, **options) as (target, events):
        yield session_on(target), events


def wait_until(is_so: Callable[[], bool], within_s: float = 30) -> None:
    """Wait for the outside world; a file that it has yet to write counts as no."""
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        with suppress(FileNotFoundError):
            if is_so():
                return
        time.sleep(0.05)
    raise AssertionError(f"it did not come to be within {within_s} s")
