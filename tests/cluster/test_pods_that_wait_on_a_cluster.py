"""What new pods wait for is said at once, and has a patience: volumes, and Secrets that somebody makes later."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import AttemptEnded, Waited
from ks_universal.engine.target import MigrationFailed, RolloutFailed
from ks_universal.targets.kubernetes.api.kinds import POD, SECRET
from ks_universal.targets.kubernetes.observed.pods import is_finished
from support.cluster_release import Events, Json, api, config, migrate, new_session, roll_out, serve, sh

LATE_S = 8
USES: dict[str, Json] = {
    "env": {"env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "vault", "key": "p"}}}]},
    "envFrom": {"envFrom": [{"secretRef": {"name": "vault"}}]},
    "volume": {"volumeMounts": [{"name": "vault", "mountPath": "/vault"}]},
}
VAULT = [{"name": "vault", "secret": {"secretName": "vault"}}]
NO_DEVICE = [{"name": "dev", "hostPath": {"path": "/dev/does-not-exist", "type": "CharDevice"}}]
NO_DRIVER = [{"name": "dev", "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": True}}]
MOUNTED: Json = {"volumeMounts": [{"name": "dev", "mountPath": "/dev/x"}]}


def waits(events: Events) -> list[str]:
    return [event.waits_for for event in events.of(Waited)]


async def make_late(namespace: str, late_s: float = LATE_S) -> None:
    async with api(namespace) as client:
        await asyncio.sleep(late_s)
        await client.create(SECRET, {**config("vault", "Secret", p="word"), "metadata": {"name": "vault"}})


@pytest.mark.parametrize("use", USES)
def test_a_secret_that_is_made_seconds_later_is_waited_for(namespace: str, use: str) -> None:
    """By a migration and by a rollout, at the same time; as an operator makes it that watches."""
    volumes: Json = {"volumes": VAULT} if use == "volume" else {}
    step = migrate(sh("echo migrated", **USES[use]), **volumes)
    rollout = roll_out(serve(**USES[use]), **volumes)

    async def main() -> Events:
        async with new_session(namespace) as (session, events):
            await asyncio.gather(
                make_late(namespace),
                session.migrate(step, events.append),
                session.roll_out(rollout, events.append),
            )
            return events

    events = asyncio.run(main())
    assert events.lines() == ["migrated"]
    assert len(events.of(AttemptEnded)) == 1
    assert any("vault" in said for said in waits(events))


async def fail_both(namespace: str, container: Json, **spec: Any) -> tuple[tuple[Problem, Problem], Events]:
    """Migrate and roll out what cannot succeed, both at the same time; gives the first cause of each."""

    async def find_cause(work: Coroutine[Any, Any, object], kind: type[MigrationFailed | RolloutFailed]) -> Problem:
        with pytest.raises(kind) as caught:
            await work
        return caught.value.causes[0]

    async with new_session(namespace) as (session, events):
        causes = await asyncio.gather(
            find_cause(session.migrate(migrate(container, **spec), events.append), MigrationFailed),
            find_cause(session.roll_out(roll_out(container, **spec), events.append), RolloutFailed),
        )
        return causes, events


def test_a_secret_that_nobody_makes_is_given_up(namespace: str) -> None:
    began = time.monotonic()
    causes, _ = asyncio.run(fail_both(namespace, sh("true", **USES["env"])))
    assert {cause.code for cause in causes} == {"kubernetes/missing-reference"}
    assert 28 < time.monotonic() - began < 60


def test_a_key_that_is_missing_in_a_secret_is_not_waited_for(namespace: str) -> None:
    async def main() -> None:
        async with new_session(namespace) as (session, events), api(namespace) as client:
            await client.create(SECRET, {**config("vault", "Secret", other="x"), "metadata": {"name": "vault"}})
            with pytest.raises(MigrationFailed, match="couldn't find key p"):
                async with asyncio.timeout(20):
                    await session.migrate(migrate(sh("true", **USES["env"])), events.append)

    asyncio.run(main())


def test_what_another_migration_may_make_is_waited_for_as_long_as_that_runs(namespace: str) -> None:
    maker = migrate(sh("sleep 40; echo made"), name="maker-migrations")

    async def main() -> Events:
        async with new_session(namespace) as (session, events):
            rollout = asyncio.create_task(session.roll_out(roll_out(serve(**USES["env"])), events.append))
            await session.migrate(maker, events.append)
            await make_late(namespace, 1)  # longer than the patience after the first look, as its last deed
            await rollout
            return events

    assert asyncio.run(main()).lines() == ["made"]


@pytest.mark.parametrize("volumes", [NO_DEVICE, NO_DRIVER], ids=["not a device", "no driver"])
def test_early_truth_a_volume_that_cannot_be_mounted_is_named_at_once_and_given_up(
    namespace: str, volumes: list[Json]
) -> None:
    async def main() -> tuple[tuple[Problem, Problem], Events]:
        async with asyncio.timeout(120), api(namespace) as client:
            found = await fail_both(namespace, sh("true", **MOUNTED), volumes=volumes)
            assert all(
                is_finished(pod) for pod in (await client.list(POD, labels="batch.kubernetes.io/job-name")).items
            )
            return found

    causes, events = asyncio.run(main())
    assert [cause.code for cause in causes] == ["kubernetes/volume", "kubernetes/volume"]
    assert all("check failed" in cause.message or "not found in the list" in cause.message for cause in causes)
    early = [said for said in waits(events) if "a volume cannot be mounted" in said]
    assert any(said.startswith("container main to be created (") for said in early)
    assert any(said.startswith("its new pods: 0 of 1 ready (") for said in early)


def test_early_truth_a_rollout_whose_time_is_over_names_the_volume_before(namespace: str) -> None:
    step = roll_out(serve(**MOUNTED), volumes=NO_DEVICE)
    step.body["spec"]["progressDeadlineSeconds"] = 10

    async def main() -> RolloutFailed:
        async with new_session(namespace) as (session, events):
            with pytest.raises(RolloutFailed) as caught:
                await session.roll_out(step, events.append)
            return caught.value

    causes = asyncio.run(main()).causes
    assert [cause.code for cause in causes][:2] == ["kubernetes/volume", "kubernetes/progress-deadline"]
    assert causes[1].hint is None
