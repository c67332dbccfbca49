"""What is said of an attempt: how long it took, what its time went into, and what crashed beside it."""

import asyncio
import re

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import AttemptEnded
from ks_universal.engine.target import MigrationFailed, RolloutFailed
from ks_universal.plan.records import Attempt
from ks_universal.plan.steps import Migrate
from support.cluster_release import Json, migrate, new_session, roll_out, sh

REFUSED = "psycopg.OperationalError: connection to server failed: Connection refused"
PROXY = sh("echo 'proxy: no credentials found'; exit 3", "proxy")
WORK = sh(f"for i in 1 2 3 4 5; do echo '{REFUSED}'; sleep 1; done; exit 1")


def fail(namespace: str, step: Migrate) -> tuple[Attempt, tuple[Problem, ...]]:
    async def main() -> tuple[Attempt, tuple[Problem, ...]]:
        async with new_session(namespace) as (session, events):
            with pytest.raises(MigrationFailed) as caught:
                await session.migrate(step, events.append)
            return events.of(AttemptEnded)[0].attempt, caught.value.causes

    return asyncio.run(main())


def test_a_sidecar_that_crashes_is_named_before_what_follows_from_it(namespace: str) -> None:
    attempt, causes = fail(namespace, migrate({**PROXY, "restartPolicy": "Always"}, WORK))
    assert [cause.code for cause in causes][:2] == ["kubernetes/sidecar", "database/connection-refused"]
    assert re.match(
        r"sidecar proxy ended with exit code 3 \(\d times\), last saying: proxy: no cred", causes[0].message
    )
    assert attempt.causes == causes
    assert set(attempt.sidecar_tails["proxy"]) == {"proxy: no credentials found"}
    assert REFUSED in attempt.log_tail


@pytest.mark.parametrize("native", [False, True])
def test_a_sidecar_that_crashes_in_a_rollout_is_named_first(namespace: str, *, native: bool) -> None:
    work = {**WORK, "name": "main", "readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1}}
    beside: Json = {"initContainers": [{**PROXY, "restartPolicy": "Always"}]} if native else {}
    step = roll_out(*([work] if native else [work, PROXY]), **beside)
    step.body["spec"]["progressDeadlineSeconds"] = 20

    async def main() -> RolloutFailed:
        async with new_session(namespace) as (session, events):
            with pytest.raises(RolloutFailed) as caught:
                await session.roll_out(step, events.append)
            return caught.value

    causes = asyncio.run(main()).causes
    assert (causes[0].code, "no credentials found" in causes[0].message) == ("kubernetes/sidecar", True)
    assert not any(cause.message.startswith("container proxy ended") for cause in causes)


def test_what_could_not_be_started_never_started(namespace: str) -> None:
    missing = {"name": "main", "image": "busybox:local", "command": ["/app/my-app"]}
    attempt, causes = fail(namespace, migrate(missing))
    assert (attempt.exit_code, attempt.reason, attempt.duration_s) == (128, "StartError", None)
    assert causes[0].code == "kubernetes/command"
    assert attempt.started.year >= 2026


def test_what_never_came_to_start_has_no_duration(namespace: str) -> None:
    attempt, _ = fail(namespace, migrate({"name": "main", "image": "shop:nope"}))
    assert (attempt.exit_code, attempt.duration_s) == (None, None)


def test_an_exit_code_needs_no_word_of_the_kubelet(namespace: str) -> None:
    attempt, _ = fail(namespace, migrate(sh("sleep 2; exit 1")))
    assert (attempt.exit_code, attempt.reason) == (1, None)
    assert attempt.duration_s is not None
    assert 1 <= attempt.duration_s <= 6


def test_a_timeout_says_what_it_went_into(namespace: str) -> None:
    step = migrate(sh("echo waiting for db; sleep 8", "wait-for-db"), sh("echo migrating; sleep 60"), timeout_s=30)
    attempt, causes = fail(namespace, step)
    assert (attempt.exit_code is None, attempt.reason) == (False, "timeout")
    assert causes[-1].code == "migrations/timeout"
    said = r"it did not end within its timeout of 30 s, of which .*\b[789] s waiting for init container wait-for-db"
    assert re.match(said, causes[-1].message), causes[-1].message
