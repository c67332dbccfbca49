"""What becomes of a migration's session in a real PostgreSQL."""

import asyncio
import signal
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.engine.events import Event, LogWritten
from ks_universal.plan.records import Outcome
from support.cluster_database import HOST, admin
from support.cluster_release import release
from support.deploying import deploy, start

SHOP = Path(__file__).parents[2] / "examples" / "shop"
CONNECT = """
import os, signal, time, psycopg
signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
connection = psycopg.connect(application_name="migration")
"""
IN_TRANSACTION = """
connection.execute("CREATE TABLE half_done ()")
print("at work")
time.sleep(300)
"""
IN_STATEMENT = """
print("at work")
connection.execute("SELECT pg_sleep(300)")
"""
LOCK_BOTH = """
connection.execute("CREATE TABLE one (); CREATE TABLE two ()")
connection.commit()
connection.execute("LOCK TABLE one")
print("holds one")
waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
while connection.execute(waiting).fetchone() == (0,):
    time.sleep(0.1)
connection.execute("LOCK TABLE two")
"""


@pytest.fixture(scope="module", autouse=True)
def _image(make_image: Callable[[str, Path], None]) -> None:
    make_image("shop:1.0.0", SHOP / "app")


SERVER_LOOKS = "env: [{name: PGOPTIONS, value: -c client_connection_check_interval=100ms}]"
TOOL_IS_TOLD = "lifecycle: {preStop: {exec: {command: [sh, -c, 'kill -INT 1; sleep 20']}}}"
HOOK_ENDS_IT = """lifecycle:
        preStop:
          exec:
            command:
              - python
              - -c
              - |
                import psycopg
                end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s"
                with psycopg.connect() as connection:
                    connection.execute(end, ["migration"])"""


def values(port: int, script: str, more: str = "") -> str:
    """An application whose migration is a Python script with a connection to the database, and says `more`."""
    program = textwrap.indent(CONNECT + script, " " * 12)
    return f"""
configs:
  db: {{type: secret, data: {{PGPASSWORD: change-me}}}}
  settings:
    type: configMap
    data: {{PGHOST: {HOST}, PGPORT: {port}, PGUSER: shop_owner, PGDATABASE: shop}}
deployments:
  my-app:
    replicas: 1
    migrations:
      enabled: true
      backoffLimit: 0
      command: [python, -c]
      args:
        - |{program}
      {more}
    containers:
      main:
        image: shop
        imageTag: 1.0.0
        command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
        envFrom: [{{type: configMap, configName: settings}}, {{type: secret, configName: db}}]
"""


def sessions(port: int) -> int:
    """How many sessions of a migration the database has."""
    with admin(port) as connection:
        rows = connection.execute("SELECT FROM pg_stat_activity WHERE application_name = 'migration'").fetchall()
    return len(rows)


@pytest.mark.parametrize(
    ("script", "more"),
    [
        pytest.param(IN_TRANSACTION, "", id="between two statements"),
        pytest.param(IN_STATEMENT, SERVER_LOOKS, id="in a statement, and the server looks after its client"),
        pytest.param(IN_STATEMENT, TOOL_IS_TOLD, id="in a statement, and the tool cancels it when it is interrupted"),
        pytest.param(IN_STATEMENT, HOOK_ENDS_IT, id="in a statement, and a hook ends the session"),
    ],
)
def test_real_stop_the_session_in_the_database_is_gone_before_the_lock_is(
    namespace: str, tmp_path: Path, database: int, script: str, more: str
) -> None:
    async def await_lock() -> int:
        async with release(namespace) as (target, events), target.lock(events.append, wait=True):
            return sessions(database)

    with start(namespace, values(database, script, more), tmp_path) as process:
        assert process.stdout is not None
        assert any('"line":"at work"' in line for line in process.stdout)
        assert sessions(database) == 1
        process.send_signal(signal.SIGTERM)
        assert asyncio.run(await_lock()) == 0
        process.communicate()
    assert process.returncode == 130


def test_early_truth_a_deadlock_is_named(namespace: str, tmp_path: Path, database: int) -> None:
    def lock_the_other_way_round() -> None:
        with admin(database) as somebody, somebody.transaction():
            somebody.execute("SET LOCAL deadlock_timeout = '1h'")  # it is the migration that notices
            somebody.execute("LOCK TABLE two")
            somebody.execute("LOCK TABLE one")

    somebody = threading.Thread(target=lock_the_other_way_round)

    def disturb(event: Event) -> None:
        if isinstance(event, LogWritten) and event.line == "holds one":
            somebody.start()

    revision, _ = deploy(namespace, values(database, LOCK_BOTH), tmp_path, disturb=disturb)
    somebody.join()
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert revision.failures[0].causes[0].code == "database/deadlock"
