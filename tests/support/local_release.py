"""Kubernetes objects for releases that run here, and a target with what happened on it."""

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ks_universal.engine.events import Event, LogWritten
from ks_universal.engine.target import Session
from ks_universal.model.format.local import Local, LocalPostgres
from ks_universal.model.format.migrations import Phase, Retry
from ks_universal.plan.records import State
from ks_universal.plan.steps import Migrate, Plan, RollOut, Step
from ks_universal.resources.objects import Migration, Rendered
from ks_universal.targets.local import LocalTarget

Json = dict[str, Any]
PYTHON = sys.executable


def sh(script: str, name: str = "main", **more: Any) -> Json:
    """A container that runs a shell script."""
    return {"name": name, "image": "app:1", "command": ["sh", "-c", script], **more}


def python(script: str, name: str = "main", **more: Any) -> Json:
    """A container that runs a Python program."""
    return {"name": name, "image": "app:1", "command": [PYTHON, "-c", script], **more}


def template(*containers: Json, **spec: Any) -> Json:
    return {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": list(containers), **spec}}


def migrate(
    *containers: Json,
    retries: int = 0,
    timeout_s: float | None = None,
    fatal: tuple[int, ...] = (),
    retry: Retry = Retry.ALL,
    digest: str = "d1",
    staged: tuple[Json, ...] = (),
    **spec: Any,
) -> Migrate:
    body = {
        "kind": "Job",
        "metadata": {"name": "shop-migrations", "namespace": "ns"},
        "spec": {"template": template(*containers, **spec)},
    }
    migration = Migration(
        application="shop",
        step=None,
        phase=Phase.PRE,
        body=body,
        retries=retries,
        timeout_s=timeout_s,
        fatal_exit_codes=fatal,
        retry=retry,
    )
    return Migrate(
        id="shop/migrations", application="shop", migration=migration, digest=digest, why="test", staged=staged
    )


def roll_out(*containers: Json, name: str = "shop", deadline_s: float = 20, replicas: int = 1, **spec: Any) -> RollOut:
    body = {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": deadline_s,
            "template": template(*containers, **spec),
        },
    }
    return RollOut(id=f"{name}/rollout", application=name, body=body)


def config(name: str, kind: str = "ConfigMap", **data: str) -> Json:
    return {"kind": kind, "metadata": {"name": name, "namespace": "ns"}, "data": data}


def plan(*steps: Step) -> Plan:
    return Plan(release="shop", namespace="ns", revision=1, steps=steps)


class Events(list[Event]):
    """All that was emitted, in order."""

    def lines(self, source: str | None = None) -> list[str]:
        return [e.line for e in self if isinstance(e, LogWritten) and source in (None, e.source)]

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self if isinstance(event, kinds)]


@contextlib.asynccontextmanager
async def release(
    folder: Path, *, local: Local | None = None, retry_delay_s: float = 0.01, fresh: bool = False
) -> AsyncIterator[tuple[LocalTarget, Events]]:
    """A target whose release is locked, with the list that its events go to; it is closed at the end."""
    events = Events()
    target = LocalTarget(
        "shop", "ns", local or Local(), directory=folder, state=folder / ".ks-universal" / "shop",
        retry_delay_s=retry_delay_s, fresh=fresh,
    )  # fmt: skip
    async with target, target.lock(events.append, wait=False):
        yield target, events


def session_on(target: LocalTarget, *steps: Step) -> Session:
    """A session for a plan of these steps."""
    return target.open_session(Rendered("shop", "ns", (), ()), State(), plan(*steps))


@contextlib.asynccontextmanager
async def new_session(folder: Path, *steps: Step, local: Local | None = None) -> AsyncIterator[tuple[Session, Events]]:
    """A session for a plan of these steps, on such a target."""
    async with release(folder, local=local) as (target, events):
        yield session_on(target, *steps), events


def with_postgres(**settings: Any) -> Local:
    return Local(postgres=LocalPostgres(**settings))
