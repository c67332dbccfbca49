"""What squawk says of captured statements, and what a run says to it; without a server."""

import asyncio
from pathlib import Path

import pytest

from ks_universal import VerdictSeverity
from ks_universal.rehearsal.facts import ObservedLock, ObservedStatement, StatementPart
from ks_universal.rehearsal.observation import Observation
from ks_universal.rehearsal.squawk import find_shown, read_with_squawk
from ks_universal.rehearsal.verdicts import RehearsalVerdict, list_lock_codes

ROWS = {"public.orders": 5000, "public.users": 5000}
WITHIN = "ALTER TABLE users ALTER email TYPE bigint"
INDEX = "CREATE INDEX a ON orders (id);"


def make_statement(number: int, text: str, *parts: StatementPart) -> ObservedStatement:
    return ObservedStatement(
        number=number, process=7, transaction=f"2/{number}", text=text, began_s=0.0, duration_ms=20.0, parts=parts
    )


def make_lock(table: str, mode: str, statement: int, lock_timeout: str | None = None) -> ObservedLock:
    return ObservedLock(
        table=table,
        index=None,
        mode=mode,
        statement=statement,
        transaction=f"2/{statement}",
        began_s=0.0,
        held_ms=20.0,
        lock_timeout=lock_timeout,
    )


STATEMENTS = (
    make_statement(1, "SELECT 1\n-- a comment, and no semicolon"),
    make_statement(2, f"DO $$ BEGIN EXECUTE '{WITHIN}'; END $$;", StatementPart(text=WITHIN)),
    make_statement(3, INDEX, StatementPart(text=INDEX, scanned={"public.orders": 5000}, indexes=("a",))),
    make_statement(4, "ALTER TABLE orders ALTER total TYPE text;", StatementPart(text="")),
    make_statement(5, INDEX, StatementPart(text=INDEX)),
)


def read(tmp_path: Path) -> dict[tuple[str, int], str]:
    observation = Observation(
        statements=STATEMENTS,
        locks=(
            make_lock("public.orders", "ShareLock", 3),
            make_lock("public.orders", "AccessExclusiveLock", 4, lock_timeout="2s"),
        ),
    )
    rewritten = RehearsalVerdict(
        code="rewrites-table",
        severity=VerdictSeverity.WARNING,
        table="public.users",
        message="",
        advice="",
        statement=WITHIN,
    )
    shown = find_shown(STATEMENTS, [rewritten], list_lock_codes(observation, ROWS))
    found = asyncio.run(read_with_squawk(STATEMENTS, shown, tmp_path, "18.6"))
    assert found is not None
    return {(each.rule, each.statement): each.observed for each in found}


def test_findings_are_those_of_their_statements_and_the_run_confirms_them_or_not(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found["changing-column-type", 2] == "confirmed"  # within a DO block, where no reader of SQL looks
    assert found["require-concurrent-index-creation", 3] == "confirmed"
    assert found["changing-column-type", 4] == "not observed"
    assert not [number for _, number in found if number in (1, 5)]  # nothing to say; the same as 3


def test_a_setting_in_the_folder_counts(tmp_path: Path) -> None:
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["changing-column-type"]\n')
    assert "changing-column-type" not in {rule for rule, _ in read(tmp_path)}


def test_without_squawk_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ks_universal.rehearsal.squawk.find_squawk", lambda: None)
    assert asyncio.run(read_with_squawk(STATEMENTS, {}, tmp_path, "18.6")) is None
