"""The output of real tools in, the named cause out."""

import time
from pathlib import Path

import pytest

from ks_universal.engine.database_errors import QUOTE_LENGTH, RULES, diagnose

OUTPUTS = Path(__file__).parent / "database_errors"
FILES = sorted(OUTPUTS.glob("*/*.txt"))
LOCK_TIMEOUT = "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout"
REFUSED = 'connection to server at "10.0.0.7", port 5432 failed: Connection refused'


def codes(*lines: str) -> list[str]:
    return [problem.code for problem in diagnose(lines)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_output_of_a_tool_is_named_by_its_cause_alone(path: Path) -> None:
    expected = "/".join(path.stem.split(".")[:2])
    assert codes(*path.read_text().splitlines()) == [expected]


def test_every_rule_has_an_output_that_it_was_tried_on() -> None:
    seen = {code for path in FILES for code in codes(*path.read_text().splitlines())}
    assert {rule.code for rule in RULES} - seen == set()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("FATAL:  the database system is starting up", "database/not-ready"),
        ("FATAL:  the database system is shutting down", "database/not-ready"),
        ("psycopg.errors.CannotConnectNow: SQLSTATE 57P03", "database/not-ready"),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "app", database "app", no encryption',
            "database/tls-required",
        ),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "app", database "app", SSL encryption',
            "database/access-refused",
        ),
        ('FATAL:  role "app" does not exist', "database/authentication-failed"),
        ('ERROR:  role "reader" does not exist', "database/does-not-exist"),
        ("FATAL:  sorry, too many clients already", "database/too-many-connections"),
        (
            'could not translate host name "db" to address: Temporary failure in name resolution',
            "database/host-unknown",
        ),
        ('{"level":"error","code":"40P01","msg":"Verklemmung"}', "database/deadlock"),
        ("FAILED: Multiple heads are present; please specify a single target revision", "migrations/multiple-heads"),
        ("psycopg.errors.NotNullViolation: Spalte »sku« enthält NULL-Werte", "database/not-null-violation"),
        ("PG::LockNotAvailable: FEHLER:  storniere Anfrage", "database/lock-timeout"),
        ("error: can't acquire lock", "migrations/locked"),
        ("error: timeout: can't acquire database lock", "migrations/locked"),
    ],
)
def test_line_is_named(line: str, code: str) -> None:
    assert codes(line) == [code]


def test_every_cause_comes_with_what_to_do_next() -> None:
    assert all(rule.hint and rule.message for rule in RULES)
    assert diagnose([LOCK_TIMEOUT])[0].hint == next(r.hint for r in RULES if r.code == "database/lock-timeout")


def test_message_quotes_the_telling_line() -> None:
    assert LOCK_TIMEOUT in diagnose(["Traceback", f"  {LOCK_TIMEOUT}  "])[0].message


def test_first_cause_in_the_log_comes_first() -> None:
    assert codes("deadlock detected", LOCK_TIMEOUT, "deadlock detected") == [
        "database/deadlock",
        "database/lock-timeout",
    ]


def test_statements_refused_after_the_first_error_are_not_causes() -> None:
    follow_up = "psycopg.errors.InFailedSqlTransaction: current transaction is aborted, commands ignored (code: 25P02)"
    assert codes(LOCK_TIMEOUT, follow_up) == ["database/lock-timeout"]


def test_failed_connection_that_was_overcome_is_not_a_cause() -> None:
    assert codes(REFUSED, REFUSED, 'ERROR:  relation "products" already exists') == ["database/already-exists"]


def test_failed_connection_that_was_not_overcome_is_the_cause() -> None:
    assert codes(REFUSED, "waiting for db", REFUSED) == ["database/connection-refused"]


def test_notice_of_something_skipped_is_not_an_error() -> None:
    assert codes('NOTICE:  relation "products" already exists, skipping') == []


@pytest.mark.parametrize(
    "line",
    [
        f"OperationalError: {REFUSED} (postgresql://app:s3cr3t@db/app)",
        f"OperationalError: {REFUSED} (host=db password=s3cr3t user=app)",
        f"OperationalError: {REFUSED} (host=db password='s3cr3t' user=app)",
        f"OperationalError: {REFUSED} jdbc:postgresql://db/app?user=app&password=s3cr3t&ssl=true",
        f"{REFUSED} postgresql://app:s3cr3t@x@db:5432/app",
        f"{REFUSED} DB_PASSWORD=s3cr3t",
        f'{REFUSED} {{"password": "s3cr3t"}}',
        "ValueError: cannot parse postgresql://app:s3cr3t@db",
    ],
)
def test_password_in_the_quoted_line_is_masked(line: str) -> None:
    (problem,) = diagnose([line])
    assert "s3cr3t" not in problem.message
    assert "***" in problem.message


def test_password_is_masked_before_a_long_line_is_cut() -> None:
    (problem,) = diagnose([f"{'x' * 300} postgresql://app:{'s3cr3t' * 9}@db/app {REFUSED}"])
    assert "s3cr3t" not in problem.message


def test_long_line_is_cut_around_what_tells() -> None:
    (problem,) = diagnose(["x" * 500 + " deadlock detected " + "y" * 500])
    assert "deadlock detected" in problem.message
    assert len(problem.message) < QUOTE_LENGTH + 150


@pytest.mark.parametrize(
    ("lines", "quoted"),
    [
        (
            ["Traceback (most recent call last):", "ValueError: 3 products have no price"],
            "ValueError: 3 products have no price",
        ),
        (
            ["KeyError: 'a'", "During handling ...", "app.errors.SeedError: no seed", "exit"],
            "app.errors.SeedError: no seed",
        ),
        (["panic: runtime error: invalid memory address", "goroutine 1 [running]:"], "panic: runtime error"),
        (["2024/01/02 10:11:12 seeding failed: no such file"], "seeding failed: no such file"),
        (
            ["java.lang.IllegalStateException: a", "Caused by: com.shop.SeedException: b", "\tat c"],
            "com.shop.SeedException: b",
        ),
        (["Shop::SeedError: no seed"], "Shop::SeedError: no seed"),
        (["bin/seed:3:in `<main>': no seed (RuntimeError)"], "no seed (RuntimeError)"),
        (["TypeError [ERR_X]: seed is not a function", "    at main.js:3:1"], "TypeError [ERR_X]"),
        (["ModuleNotFoundError: No module named 'shop'"], "No module named 'shop'"),
    ],
)
def test_unknown_error_is_quoted_by_its_last_exception(lines: list[str], quoted: str) -> None:
    (problem,) = diagnose(lines)
    assert problem.code == "migrations/error"
    assert quoted in problem.message


def test_output_without_any_error_gives_nothing() -> None:
    assert diagnose([]) == ()
    assert diagnose(["INFO  [alembic.runtime.migration] Running upgrade  -> 0001, schema", "done"]) == ()


def test_ten_thousand_lines_take_less_than_a_second() -> None:
    lines = [f"INFO row {n} of table products: relation kept, column kept, nothing does exist" for n in range(9_999)]
    started = time.process_time()
    assert codes(*lines, LOCK_TIMEOUT) == ["database/lock-timeout"]
    assert time.process_time() - started < 1


def test_line_of_a_megabyte_is_searched_in_bounded_time() -> None:
    started = time.process_time()
    assert codes('table "x ' * 110_000, LOCK_TIMEOUT) == ["database/lock-timeout"]
    assert time.process_time() - started < 1
