"""Runs that are killed, and two at once, against a real PostgreSQL: psql, Alembic and Django.

The expectations are those of the tools' documentation: psql commits each statement, Alembic and Django each migration.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ks_universal.rehearsal.command import Command, read_command
from ks_universal.rehearsal.concurrency import Together, judge_together, note_together, run_together_everywhere
from ks_universal.rehearsal.interruption import Interruption, interrupt, judge_interruptions
from ks_universal.rehearsal.reference import run_undisturbed
from ks_universal.rehearsal.rehearse import RehearsalCommands, rehearse
from support.rehearsal_rig import PSQL, Rig, open_rig

# Many short runs: those that compile all modules each time take ten times as long.
PYTHON = f"env -u PYTHONDONTWRITEBYTECODE {sys.executable}"
BASE = (
    "CREATE TABLE orders (id int PRIMARY KEY, total int, cents int);"
    "INSERT INTO orders SELECT i, i, NULL FROM generate_series(1, 100) i"
)
PLAIN = """
ALTER TABLE orders ADD COLUMN extra bigint;
UPDATE orders SET cents = total * 100;
UPDATE orders SET total = total + 1;
CREATE INDEX orders_total ON orders (total);
"""
ADDITIVE = PLAIN.replace("COLUMN extra", "COLUMN IF NOT EXISTS extra").replace("INDEX ord", "INDEX IF NOT EXISTS ord")
REPEATABLE = ADDITIVE.replace("UPDATE orders SET total = total + 1;", "")
LOCKED = """
SELECT pg_advisory_lock(1);
CREATE TABLE IF NOT EXISTS done (id int);
DO $$ BEGIN IF NOT EXISTS (SELECT FROM done) THEN
  UPDATE orders SET total = total + 1; INSERT INTO done VALUES (1); END IF; END $$;
SELECT pg_advisory_unlock(1);
"""
CONCURRENT_UNDER_A_LOCK = """
SELECT pg_advisory_lock(1);
CREATE TABLE IF NOT EXISTS done (id int);
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_total ON orders (total);
SELECT pg_advisory_unlock(1);
"""


class Seen:
    """What was found of one migration."""

    def __init__(self, killed: tuple[Interruption, ...], pairs: dict[str, Together | None]) -> None:
        self.killed = killed
        self.pairs = pairs

    @property
    def codes(self) -> set[str]:
        verdicts = [*judge_interruptions(self.killed)]
        verdicts += [each for name, pair in self.pairs.items() if pair for each in judge_together(name, pair)]
        return {verdict.code for verdict in verdicts}


def disturb(rig: Rig, base: str, command: Command) -> Seen:
    rig.make_base(base)
    reference = rig.run(run_undisturbed(rig.bench, command))
    assert reference is not None
    killed = rig.run(interrupt(rig.bench, command, reference))
    return Seen(killed, rig.run(run_together_everywhere(rig.bench, command, reference)))


def disturb_script(rig: Rig, sql: str, options: str = "") -> Seen:
    (rig.bench.tree / "base.sql").write_text(BASE)
    return disturb(rig, f"{PSQL} -f base.sql", rig.write_sql(sql, options=options))


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_rig(tmp_path_factory.mktemp("tree")) as rig:
        yield rig


def test_script_is_half_applied_when_it_is_killed(rig: Rig) -> None:
    seen = disturb_script(rig, PLAIN)
    assert [(each.after_commit, each.result.status) for each in seen.killed] == [(1, 3), (2, 3), (3, 3)]
    assert seen.killed[0].result.error and seen.killed[0].result.error.code == "42701"
    assert "killed after commit 1, 2, 3 of 4" in next(judge_interruptions(seen.killed)).message
    # One fails at the column that is there already, the other does all.
    pair = seen.pairs["two at once"]
    assert pair and len(pair.failed) == 1 and not pair.difference
    assert "one fails, the other does all" in " ".join(note_together(pair, seen.pairs))
    assert seen.codes == {"not-resumable"}
    assert seen.pairs["two at once, empty database"] is None
    assert "two at once, empty database: not tried, for the migration fails there" in note_together(pair, seen.pairs)


def test_script_in_one_transaction_has_nothing_half_applied(rig: Rig) -> None:
    seen = disturb_script(rig, PLAIN, "-1")
    assert seen.killed == ()
    assert seen.codes == set()


def test_script_of_steps_that_look_whether_they_are_done_changes_data_again(rig: Rig) -> None:
    seen = disturb_script(rig, ADDITIVE)
    assert [each.result.status for each in seen.killed] == [0, 0, 0]
    # Until the third commit all is repeated without harm.
    assert [bool(each.difference) for each in seen.killed] == [False, False, True]
    assert seen.killed[2].difference.tables == ("public.orders",)
    pair = seen.pairs["two at once"]
    assert pair and pair.difference.tables == ("public.orders",)
    assert seen.codes == {"not-resumable", "unsafe-concurrent"}


def test_script_that_may_run_at_any_time_is_left_alone(rig: Rig) -> None:
    assert disturb_script(rig, REPEATABLE).codes == set()


def test_advisory_lock_that_keeps_runs_apart_is_named(rig: Rig) -> None:
    seen = disturb_script(rig, LOCKED)
    assert seen.codes == set()
    pair = seen.pairs["two at once"]
    assert pair and pair.locks == ("an advisory lock",)


def test_index_built_concurrently_under_an_advisory_lock_is_a_deadlock(rig: Rig) -> None:
    seen = disturb_script(rig, CONCURRENT_UNDER_A_LOCK)
    pair = seen.pairs["two at once"]
    assert pair and pair.is_deadlock
    assert "unsafe-concurrent" in seen.codes
    assert "deadlock" in " ".join(each.message for each in judge_together("two at once", pair))


def test_rehearsal_tells_of_each_run(rig: Rig) -> None:
    rig.write_sql(BASE, name="base.sql")
    rig.write_sql(ADDITIVE)
    commands = RehearsalCommands(migrate=read_command(f"{PSQL} -f migrate.sql"), base="base.sql")
    report = rig.run(rehearse(commands, folder=rig.bench.tree))
    assert {"not-resumable", "unsafe-concurrent", "not-repeatable"} <= {each.code for each in report.verdicts}
    assert [each.name for each in report.runs if each.is_disturbed] == [
        "killed after commit 1 of 4, run again",
        "killed after commit 2 of 4, run again",
        "killed after commit 3 of 4, run again",
        "two at once",
        "behind an open transaction",
        "behind an open transaction, lock_timeout 500 ms",
    ]


def write_django(folder: Path) -> str:
    """Write a project whose first migration makes a table with rows, and whose second changes data only."""
    package = folder / "shop"
    (package / "migrations").mkdir(parents=True)
    for path in (package / "__init__.py", package / "migrations" / "__init__.py"):
        path.write_text("")
    (folder / "settings.py").write_text(
        "import os\nSECRET_KEY='x'\nINSTALLED_APPS=['shop']\nDEFAULT_AUTO_FIELD='django.db.models.BigAutoField'\n"
        "DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': os.environ['DB_NAME'],"
        " 'HOST': os.environ['DB_HOST'], 'PORT': os.environ['DB_PORT'], 'USER': os.environ['DB_USER'],"
        " 'PASSWORD': os.environ['DB_PASSWORD']}}\n"
    )
    head = "from django.db import migrations, models\nclass Migration(migrations.Migration):\n"
    (package / "migrations" / "0001_initial.py").write_text(
        f"{head}    operations = [migrations.CreateModel('Order', [('id', models.BigAutoField(primary_key=True)),"
        " ('total', models.IntegerField())]),\n"
        "        migrations.RunSQL('INSERT INTO shop_order (total) SELECT i FROM generate_series(1, 50) i')]\n"
    )
    (package / "migrations" / "0002_raise.py").write_text(
        f"{head}    dependencies = [('shop', '0001_initial')]\n"
        "    operations = [migrations.RunPython(lambda apps, _: apps.get_model('shop', 'Order')"
        ".objects.update(total=models.F('total') + 1))]\n"
    )
    return f"{PYTHON} -m django migrate --settings settings --pythonpath . -v 0 shop"


def test_django_applies_a_change_of_data_twice(rig: Rig) -> None:
    command = write_django(rig.bench.tree)
    seen = disturb(rig, f"{command} 0001", read_command(command))
    pair = seen.pairs["two at once"]
    assert pair and not pair.failed and "a row's lock" in pair.locks
    assert pair.difference.tables == ("public.django_migrations", "public.shop_order")
    assert all(each.result.is_success and not each.difference for each in seen.killed)
    # The second of two that begin from nothing fails as it makes django_migrations.
    empty = seen.pairs["two at once, empty database"]
    assert empty and len(empty.failed) == 1 and not empty.difference
    assert seen.codes == {"unsafe-concurrent"}


def write_alembic(folder: Path) -> str:
    """Write two revisions in a transaction each: a table with rows, then a column with an index and other data."""
    versions = folder / "alembic" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (folder / "alembic" / "env.py").write_text(
        "import os\nfrom alembic import context\nfrom sqlalchemy import create_engine\n"
        "url = os.environ['DATABASE_URL'].replace('postgresql://', 'postgresql+psycopg://')\n"
        "with create_engine(url).connect() as connection:\n"
        "    context.configure(connection=connection, transaction_per_migration=True)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    for number, (before, statements) in enumerate(((None, BASE), ("r1", PLAIN)), start=1):
        (versions / f"{number}.py").write_text(
            f"from alembic import op\nrevision, down_revision = 'r{number}', {before!r}\n"
            f"def upgrade():\n    for each in {statements!r}.strip().rstrip(';').split(';'):\n"
            "        op.execute(each)\n"
        )
    return f"{PYTHON} -m alembic upgrade"


def test_alembic_fails_in_the_second_of_two_runs_and_has_all_right(rig: Rig) -> None:
    command = write_alembic(rig.bench.tree)
    seen = disturb(rig, f"{command} r1", read_command(f"{command} head"))
    for pair in seen.pairs.values():
        assert pair and len(pair.failed) == 1 and not pair.difference
    assert all(each.result.is_success and not each.difference for each in seen.killed)
    assert seen.codes == set()
