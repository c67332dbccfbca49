import asyncio
from pathlib import Path

import pytest

from ks_universal.engine.events import AttemptEnded, AttemptStarted, Event, Waited
from ks_universal.engine.target import MigrationFailed
from ks_universal.model.format.migrations import Retry
from ks_universal.plan.records import Attempt
from ks_universal.plan.steps import Migrate
from ks_universal.targets.local.processes.process_table import group_is_alive
from support.local_release import Events, config, migrate, new_session, python, sh

FAIL_TWICE = 'n=$(cat n 2>/dev/null || echo 0); echo $((n+1)) >n; echo "try $((n+1))"; [ $n -ge 2 ]'


def run(folder: Path, step: Migrate) -> tuple[tuple[Attempt, ...] | MigrationFailed, Events]:
    async def main() -> tuple[tuple[Attempt, ...] | MigrationFailed, Events]:
        async with new_session(folder) as (session, events):
            try:
                return await session.migrate(step, events.append), events
            except MigrationFailed as failure:
                return failure, events

    return asyncio.run(main())


def attempts(events: Events) -> list[Attempt]:
    return [event.attempt for event in events.of(AttemptEnded)]


def test_a_migration_that_succeeds_has_one_attempt_with_its_output(tmp_path: Path) -> None:
    result, events = run(tmp_path, migrate(sh("echo one; echo two >&2")))
    assert isinstance(result, tuple)
    assert [(a.number, a.exit_code, a.log_tail, a.causes) for a in result] == [(1, 0, ("one", "two"), ())]
    assert events.lines("shop/migrations") == ["one", "two"]


@pytest.mark.parametrize(("retries", "codes"), [(0, [1]), (1, [1, 1]), (3, [1, 1, 0])])
def test_backoff_limit_is_the_number_of_retries_after_the_first_attempt(
    tmp_path: Path, retries: int, codes: list[int]
) -> None:
    _, events = run(tmp_path, migrate(sh(FAIL_TWICE), retries=retries))
    assert [a.exit_code for a in attempts(events)] == codes
    assert [e.retry_in_s is None for e in events.of(AttemptEnded)] == [False] * (len(codes) - 1) + [True]


def test_a_fatal_exit_code_is_not_retried(tmp_path: Path) -> None:
    _, events = run(tmp_path, migrate(sh("exit 3"), retries=5, fatal=(3,)))
    assert [a.exit_code for a in attempts(events)] == [3]


def test_what_no_retry_can_mend_ends_the_attempts_where_the_values_say_so(tmp_path: Path) -> None:
    script = "echo 'ERROR:  syntax error at or near \"TABEL\"'; exit 1"
    _, events = run(tmp_path, migrate(sh(script), retries=5, retry=Retry.PASSING))
    (attempt,) = attempts(events)
    assert "database/syntax-error does not pass by itself" in str(attempt.reason)


def test_what_may_pass_is_tried_again_where_only_that_is(tmp_path: Path) -> None:
    script = f"echo 'psycopg.OperationalError: Connection refused'; {FAIL_TWICE}"
    _, events = run(tmp_path, migrate(sh(script), retries=5, retry=Retry.PASSING))
    assert [a.exit_code for a in attempts(events)] == [1, 1, 0]


def test_what_only_a_later_attempt_found_is_among_the_causes(tmp_path: Path) -> None:
    first, later = "Duplicate entry 'tea' for key 'name'", "Detected failed migration to version 2"
    script = f'[ -e f ] && echo "org.flywaydb.core: {later}" || echo "{first}"; touch f; exit 1'
    failure, _ = run(tmp_path, migrate(sh(script), retries=1))
    assert isinstance(failure, MigrationFailed)
    codes = [cause.code for cause in failure.causes]
    assert codes == ["database/unique-violation", "process/exit-code", "migrations/dirty"]
    assert "`flyway repair`" in str(failure.causes[2].hint)


def test_the_pauses_between_attempts_double(tmp_path: Path) -> None:
    _, events = run(tmp_path, migrate(sh("false"), retries=3))
    assert [e.retry_in_s for e in events.of(AttemptEnded)] == [0.01, 0.02, 0.04, None]


def test_the_failure_names_the_cause_of_the_first_attempt(tmp_path: Path) -> None:
    line = "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout"
    failure, _ = run(tmp_path, migrate(sh(f'[ -e f ] || echo "{line}"; touch f; exit 1'), retries=1))
    assert isinstance(failure, MigrationFailed)
    assert [cause.code for cause in failure.causes] == ["database/lock-timeout", "process/exit-code"]


def test_the_cause_is_found_in_the_whole_log_and_kept_with_its_neighbours(tmp_path: Path) -> None:
    line = "PG::LockNotAvailable: ERROR:  canceling statement due to lock timeout"
    script = f'echo "rake aborted!"; echo "{line}"; seq 200; exit 1'
    failure, events = run(tmp_path, migrate(sh(script)))
    assert isinstance(failure, MigrationFailed)
    assert [cause.code for cause in failure.causes] == ["database/lock-timeout", "process/exit-code"]
    (attempt,) = attempts(events)
    assert attempt.excerpt == ("rake aborted!", line, "1", "2", "3")
    assert attempt.log_tail[0] == "151"


def test_what_an_init_container_overcame_is_no_cause_of_the_migration(tmp_path: Path) -> None:
    init = sh("echo 'FATAL: password authentication failed for user'", name="wait")
    _, events = run(tmp_path, migrate(sh("echo deadlock detected; exit 1"), initContainers=[init]))
    (attempt,) = attempts(events)
    assert [cause.code for cause in attempt.causes] == ["database/deadlock", "process/exit-code"]


def test_what_a_migration_waited_for_comes_before_its_timeout(tmp_path: Path) -> None:
    step = migrate(sh("echo 'Waiting for changelog lock....'; sleep 100"), timeout_s=0.5)
    failure, events = run(tmp_path, step)
    assert isinstance(failure, MigrationFailed)
    assert [cause.code for cause in failure.causes] == ["migrations/lock-awaited", "migrations/timeout"]
    assert attempts(events)[0].reason == "it did not end within its timeout of 0.5 s"


def test_what_a_migration_leaves_in_the_background_is_stopped(tmp_path: Path) -> None:
    result, _ = run(tmp_path, migrate(sh("sleep 100 & echo one; ps -o pgid= -p $$$$")))
    assert isinstance(result, tuple)
    assert not group_is_alive(int(result[0].log_tail[1]))


def test_output_that_is_no_text_or_has_no_line_ends_is_taken(tmp_path: Path) -> None:
    result, _ = run(tmp_path, migrate(python(r"import sys; sys.stdout.buffer.write(b'\xff\n' + b'x' * 200_000)")))
    assert isinstance(result, tuple)
    assert result[0].log_tail[0] == "�"
    assert set("".join(result[0].log_tail[1:])) <= {"x", "…"}  # what is kept of a line is bounded


def test_init_containers_run_first_and_one_after_the_other(tmp_path: Path) -> None:
    step = migrate(sh("echo main"), initContainers=[sh("echo first", "one"), sh("echo second", "two")])
    _, events = run(tmp_path, step)
    assert events.lines() == ["first", "second", "main"]


def test_a_failing_init_container_fails_the_attempt_and_is_named(tmp_path: Path) -> None:
    failure, events = run(tmp_path, migrate(sh("echo main"), initContainers=[sh("exit 4", "wait")]))
    assert isinstance(failure, MigrationFailed)
    assert "init container wait ended with exit code 4" in str(failure)
    assert "main" not in events.lines()


def test_an_init_container_that_waits_in_vain_is_named_with_its_last_words(tmp_path: Path) -> None:
    step = migrate(
        sh("echo main"),
        timeout_s=1.3,
        initContainers=[sh("while :; do echo waiting for db; sleep 0.1; done", "db-ready")],
    )
    failure, events = run(tmp_path, step)
    assert [e.waits_for for e in events.of(Waited)] == ["init container db-ready: waiting for db"]
    assert isinstance(failure, MigrationFailed)
    assert failure.causes[0].code == "migrations/timeout"
    assert "init container db-ready did not finish, last saying: waiting for db" in failure.causes[0].message


def test_a_timeout_really_stops_the_migration_and_is_not_retried(tmp_path: Path) -> None:
    failure, events = run(tmp_path, migrate(sh("ps -o pgid= -p $$$$; sleep 100"), timeout_s=0.5, retries=3))
    assert isinstance(failure, MigrationFailed)
    [attempt] = attempts(events)
    assert attempt.exit_code is None
    assert [cause.code for cause in attempt.causes] == ["migrations/timeout"]
    assert not group_is_alive(int(attempt.log_tail[0]))


def test_a_migration_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    stubborn = sh("trap '' TERM; ps -o pgid= -p $$$$; while :; do sleep 0.1; done")
    _, events = run(tmp_path, migrate(stubborn, timeout_s=0.3, terminationGracePeriodSeconds=1))
    assert not group_is_alive(int(attempts(events)[0].log_tail[0]))


def test_a_sidecar_runs_beside_the_migration_and_ends_after_it(tmp_path: Path) -> None:
    sidecar = sh("touch up; ps -o pgid= -p $$$$ >pgid; sleep 100", "proxy", restartPolicy="Always")
    result, _ = run(tmp_path, migrate(sh("until [ -s pgid ]; do sleep 0.01; done"), initContainers=[sidecar]))
    assert isinstance(result, tuple)
    assert not group_is_alive(int((tmp_path / "pgid").read_text()))


def test_a_migration_is_stopped_after_its_hook(tmp_path: Path) -> None:
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >>order"]}}}
    script = "trap 'echo end >>order; exit 1' TERM; while :; do sleep 0.02; done"
    run(tmp_path, migrate(sh(script, lifecycle=hook), timeout_s=0.5))
    assert (tmp_path / "order").read_text().splitlines() == ["hook", "end"]


def test_a_migration_that_has_ended_runs_no_hook(tmp_path: Path) -> None:
    run(tmp_path, migrate(sh("true", lifecycle={"preStop": {"exec": {"command": ["touch", "hook"]}}})))
    assert not (tmp_path / "hook").exists()


def test_cancelling_stops_the_migration_for_real(tmp_path: Path) -> None:
    async def main() -> int:
        async with new_session(tmp_path) as (session, events):
            started = asyncio.Event()

            def emit(event: Event) -> None:
                events.append(event)
                if events.lines():
                    started.set()

            task = asyncio.create_task(session.migrate(migrate(sh("ps -o pgid= -p $$$$; sleep 100 & sleep 100")), emit))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            pgid = int(events.lines()[0])
            assert not group_is_alive(pgid)
            assert not events.of(AttemptEnded)
            again = await session.migrate(migrate(sh("echo again")), emit)
            return again[0].number

    assert asyncio.run(main()) == 1


def test_a_migration_reads_staged_configuration_before_what_is_applied(tmp_path: Path) -> None:
    container = sh("echo $A", env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "a"}}}])
    result, _ = run(tmp_path, migrate(container, staged=(config("c", a="staged"),)))
    assert isinstance(result, tuple)
    assert result[0].log_tail == ("staged",)


def test_a_missing_key_fails_at_once(tmp_path: Path) -> None:
    container = sh("echo $A", env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a"}}}])
    failure, events = run(tmp_path, migrate(container, staged=(config("s", "Secret", b="eA=="),)))
    assert isinstance(failure, MigrationFailed)
    assert [cause.code for cause in failure.causes] == ["local/missing-key"]
    assert not events.of(AttemptStarted)


def test_the_state_is_for_its_owner_only(tmp_path: Path) -> None:
    run(tmp_path, migrate(sh("echo secret")))
    assert (tmp_path / ".ks-universal" / "shop").stat().st_mode & 0o777 == 0o700
