"""The output of real tools in, the named cause out."""

import re
import time
import tracemalloc
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from ks_universal.diagnosis import Diagnosis, diagnose
from ks_universal.diagnosis.index import Index, find_word, split_words
from ks_universal.diagnosis.quoting import QUOTE_LENGTH
from ks_universal.diagnosis.rules import RULES, STUCK
from ks_universal.diagnostics import Problem

DATA = Path(__file__).parents[2] / "data"
FILES = sorted((*DATA.glob("tool_logs/*/*.txt"), *DATA.glob("documented_logs/*/*.txt")))
APPROVED = DATA / "tool_logs" / "causes.txt"
LOCK_TIMEOUT = "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout"
REFUSED = 'connection to server at "10.0.0.7", port 5432 failed: Connection refused'


def read_code(path: Path) -> str:
    return "/".join(path.stem.split(".")[:2])


@cache
def read(path: Path) -> Diagnosis:
    return take(path.read_text().splitlines())


def take(lines: Iterable[str]) -> Diagnosis:
    diagnosis = Diagnosis()
    for line in lines:
        diagnosis.take(line)
    return diagnosis


def read_causes(path: Path) -> tuple[Problem, ...]:
    return read(path).causes(stopped=read_code(path) in STUCK)


def codes(*lines: str) -> list[str]:
    return [problem.code for problem in diagnose(lines)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_output_of_a_tool_is_named_by_its_cause_alone(path: Path) -> None:
    assert [cause.code for cause in read_causes(path)] == [read_code(path)]


def test_what_is_said_of_each_output_is_as_it_was_read_and_approved(update_goldens: bool) -> None:
    said = "".join(describe(path) for path in FILES)
    if update_goldens:
        APPROVED.write_text(said)
    assert said == APPROVED.read_text(), "run: pytest tests/unit/engine --update-goldens, then read the diff"


def describe(path: Path) -> str:
    """Give the file, its tool's own command, and the telling line as it is quoted."""
    diagnosis = read(path)
    (cause,) = diagnosis.causes(stopped=read_code(path) in STUCK)
    rule = next((rule for rule in RULES if cause.message.startswith(f"{rule.message}: ")), None)
    quoted = cause.message.removeprefix(f"{rule.message}: " if rule else "the migration ended with: ")
    own = cause.hint.removeprefix(rule.hint) if rule and cause.hint else ""
    return f"{path.parent.name}/{path.stem}{own}\n    {quoted}\n"


def test_hint_has_the_command_of_no_other_tool() -> None:
    tools = {tool for rule in RULES for tool in rule.commands}
    hints = {path: " ".join(str(cause.hint) for cause in read_causes(path)) for path in FILES}
    wrong = [
        f"{path.parent.name}/{path.stem}: {tool}"
        for path, hint in hints.items()
        for tool in tools
        if f"; {tool}: " in hint and not is_of(tool, path.parent.name)
    ]
    assert wrong == []


def is_of(tool: str, folder: str) -> bool:
    return folder.replace("-", "").startswith(tool.lower().replace("-", ""))


def test_every_pattern_is_found_by_its_word() -> None:
    patterns = [pattern for rule in RULES for pattern in (*rule.patterns, *rule.vague)]
    index = Index((pattern, pattern) for pattern in patterns)
    lines = {line[:2000] for path in FILES for line in path.read_text().splitlines()}
    for line in lines:
        found = {pattern for pattern, _ in index.search(line, split_words(line))}
        assert found == {pattern for pattern in patterns if re.search(pattern, line)}, line


def test_nearly_every_pattern_has_a_word_that_finds_it() -> None:
    patterns = [pattern for rule in RULES for pattern in (*rule.patterns, *rule.vague)]
    assert [pattern for pattern in patterns if find_word(pattern) is None] == []


def test_every_rule_has_an_output_that_it_was_tried_on() -> None:
    seen = {cause.code for path in FILES for cause in read_causes(path)}
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


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("asyncpg.exceptions.UniqueViolationError: doppelter Schlüsselwert", "database/unique-violation"),
        ("asyncpg.exceptions.PostgresSyntaxError: Syntaxfehler bei »TABEL«", "database/syntax-error"),
        ("<class 'asyncpg.exceptions.ReadOnlySQLTransactionError'>: kann CREATE nicht ausführen", "database/read-only"),
        ("pg8000.exceptions.DatabaseError: {'S': 'FEHLER', 'C': '42P07', 'M': '…'}", "database/already-exists"),
        ("psql:deploy/a.sql:3: ERREUR:  23503: une instruction insert", "database/foreign-key-violation"),
        ("FEHLER:  42703: Spalte »sku« existiert nicht", "database/does-not-exist"),
        ("…; SQL state [42501]; error code [0]; FEHLER: keine Berechtigung", "database/permission-denied"),
        ("ExceptionFactory$PostgresqlBadGrammarException: [42P01] Relation fehlt", "database/does-not-exist"),
        ("Npgsql.PostgresException (0x80004005): 40P01: Verklemmung entdeckt", "database/deadlock"),
        ("PG::TRDeadlockDetected: FEHLER:  Verklemmung entdeckt", "database/deadlock"),
        ("ERREUR: l'index ne peut être créé (SQLSTATE 23505)", "database/unique-violation"),
        ("ERROR: restart transaction: TransactionRetryWithProtoRefreshError", "database/serialization-failure"),
        ("FEHLER: Zugriff kann nicht serialisiert werden (SQLSTATE 40001)", "database/serialization-failure"),
        ('pq: at or near "tabel": syntax error', "database/syntax-error"),
        ("ERROR: user app does not have CREATE privilege on schema public", "database/permission-denied"),
        ("  code: 'ER_DUP_ENTRY',", "database/unique-violation"),
        ("  errno: 1146,", "database/does-not-exist"),
        ("pymysql.err.OperationalError: (1205, 'Délai dépassé')", "database/lock-timeout"),
        ("ERROR 1142 (42000) at line 3: Befehl CREATE ist verboten", "database/permission-denied"),
        ("error returned from database: 1064 (42000): Fehler in der Syntax", "database/syntax-error"),
        ("(conn=4, no: 1452, SQLState: 23000) Kann Zeile nicht hinzufügen", "database/foreign-key-violation"),
        ("Error 3730 (HY000): Cannot drop table 'a' referenced by a foreign key", "database/dependent-objects"),
        ("Field 'sku' doesn't have a default value", "database/not-null-violation"),
        ("Failed to open the referenced table 'orders'", "database/does-not-exist"),
        ("…AuthenticationFailure: [28P01] Anmeldung fehlgeschlagen", "database/authentication-failed"),
        ("FATAL: server login has been failing, try again later (server_login_retry)", "database/not-ready"),
        ("FATAL:  no such database: shop", "database/missing"),
        ("FATAL: query_wait_timeout (SQLSTATE 08P01)", "database/too-many-connections"),
        ("ERROR: node is running secure mode, SSL connection required", "database/tls-required"),
        ("ERROR: failed to satisfy CHECK constraint (price > 0:::INT8)", "database/check-violation"),
        ('(errno: 150 "Foreign key constraint is incorrectly formed")', "database/foreign-key-invalid"),
        ('index row size 3616 exceeds btree version 4 maximum 2704 for index "by_name"', "database/too-large"),
        ('Can\'t create table `app`.`a` (errno: 121 "Duplicate key on write or update")', "database/already-exists"),
        ("ERROR: cannot alter type of a column used by a view or rule", "database/dependent-objects"),
        ('ERROR:  prepared statement "s1" already exists', "database/pooler"),
        ("x509: certificate signed by unknown authority", "database/certificate"),
        ("Error: self-signed certificate in certificate chain", "database/certificate"),
        ("The authentication type 10 is not supported. Check that", "database/authentication-method"),
        ("request to https://registry.npmjs.org/prisma failed, reason: getaddrinfo EAI_AGAIN", "migrations/download"),
    ],
)
def test_line_of_another_driver_server_or_language_is_named(line: str, code: str) -> None:
    assert codes(line) == [code]


@pytest.mark.parametrize(
    "line",
    [
        "INSERT INTO products VALUES (1062, 'tea'), (1205, 'mate')",
        "ValueError: 23505 rows have no price",
        "see error 1062 in the manual",
    ],
)
def test_number_that_is_no_code_tells_nothing(line: str) -> None:
    assert codes(line) in ([], ["migrations/error"])


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


def test_cause_is_found_however_much_follows() -> None:
    frames = [f"/gems/activerecord-7/lib/migration.rb:{number}:in `migrate'" for number in range(5000)]
    diagnosis = take(["rake aborted!", "", f"PG::LockNotAvailable: {LOCK_TIMEOUT}", *frames])
    assert [cause.code for cause in diagnosis.causes()] == ["database/lock-timeout"]
    assert diagnosis.excerpt() == ("rake aborted!", "", f"PG::LockNotAvailable: {LOCK_TIMEOUT}", *frames[:3])


def test_memory_does_not_grow_with_the_log() -> None:
    diagnosis = Diagnosis()
    tracemalloc.start()
    try:
        for number in range(5_000):
            diagnosis.take(f"ERROR:  relation {number} does not exist {'x' * 500}")
            diagnosis.take(f"ValueError: {number} {'x' * 500}")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 200_000


@pytest.mark.parametrize("code", ["28000", "23505"])
def test_code_of_a_dumped_error_is_no_second_cause(code: str) -> None:
    told = 'error: no pg_hba.conf entry for host "10.0.0.9", user "app", database "app", no encryption'
    frames = [f"    at Parser.parse (/app/node_modules/pg-protocol/dist/parser.js:{n}:38)" for n in range(15)]
    dump = [told, *frames, "  length: 153,", "  severity: 'FATAL',", f"  code: '{code}',"]
    assert codes(*dump, *dump) == ["database/tls-required"]


def test_codes_of_one_error_are_one_cause() -> None:
    dump = ["Error: Verklemmung beim Sperren", "  code: 'ER_LOCK_DEADLOCK',", "  errno: 1213,", "  sqlState: '40001',"]
    assert codes(*dump) == ["database/deadlock"]
    assert codes("FEHLER (SQLSTATE 57P03)", *dump) == ["database/deadlock"]
    assert codes(*dump, *["-"] * 60, "FEHLER (SQLSTATE 23505)") == ["database/deadlock", "database/unique-violation"]


def test_code_counts_where_the_text_before_is_of_a_failure_that_was_overcome() -> None:
    assert codes(REFUSED, "PG::UniqueViolation: FEHLER:  doppelter Wert") == ["database/unique-violation"]


def test_code_without_a_text_never_accuses_the_password() -> None:
    assert codes("Fehler: kein Zugang { code: '28000' }") == ["database/access-refused"]


@pytest.mark.parametrize(
    "line",
    [
        'ERROR:  duplicate key value violates unique constraint "pg_class_relname_nsp_index"',
        'pq: duplicate key value violates unique constraint "schema_migrations_pkey"',
        'QueryFailedError: duplicate key value violates unique constraint "PK_8c82d7f526340ab734260ea46be"',
        'error: duplicate key value violates unique constraint "SequelizeMeta_pkey"',
        'psycopg.errors.UniqueViolation: duplicate key value violates unique constraint "alembic_version_pkc"',
        'duplicate key value violates unique constraint "PK___EFMigrationsHistory"',
        "Duplicate entry '7' for key 'schema_migrations.PRIMARY'",
        "Mysql2::Error: Duplicate entry '20260100000002' for key 'PRIMARY'",
        "ERROR DETAIL: Key (name)=(20260100000002-change.js) already exists.",
        'duplicate key value violates unique constraint "unique_schema_migrations"',
        "Duplicate entry '2' for key 'knex_migrations_lock.PRIMARY'",
        "ERROR:  tuple concurrently updated",
        'create table "mikro_orm_migrations" (...) - relation "mikro_orm_migrations" already exists',
        'Error: column "md5" of relation "schemaversion" already exists',
        "Error: Table 'app.SequelizeMeta' already exists",
        'update "knex_migrations_lock" set "is_locked" = $1 - canceling statement due to lock timeout',
    ],
)
def test_two_runs_at_once_are_no_duplicates_in_the_data(line: str) -> None:
    (cause,) = diagnose([line])
    assert cause.code == "migrations/locked"
    assert "duplicates" not in (cause.hint or "")


@pytest.mark.parametrize(
    "line",
    [
        'duplicate key value violates unique constraint "products_pkey"',
        'duplicate key value violates unique constraint "migration_requests_email_key"',
        'duplicate key value violates unique constraint "migrations_log_pkey"',
        "Duplicate entry '7' for key 'products.PRIMARY'",
        "Duplicate entry '20260100000002' for key 'orders.PRIMARY'",
        "Duplicate entry 'logo.js' for key 'assets.name'",
    ],
)
def test_duplicates_of_the_users_own_tables_are_no_second_run(line: str) -> None:
    assert codes(line, "DETAIL:  Key (path)=(/static/app.js) already exists.") == ["database/unique-violation"]


@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("ERROR: cannot execute CREATE TABLE in a read-only transaction", "database/read-only"),
        ("ERROR: permission denied for schema public", "database/permission-denied"),
    ],
)
def test_missing_record_is_known_by_the_reason_on_its_line(why: str, code: str) -> None:
    (cause,) = diagnose([f'goose run: ERROR: relation "goose_db_version" does not exist; {why}'])
    assert cause.code == code
    assert "own table" not in cause.message


def test_missing_record_of_a_tool_that_makes_none_by_itself_is_no_missing_right() -> None:
    (cause,) = diagnose(['tortoise.exceptions.OperationalError: relation "aerich" does not exist'])
    assert cause.code == "database/does-not-exist"
    assert "aerich init-db" in str(cause.hint)


def test_line_that_only_introduces_its_message_is_quoted_with_the_next() -> None:
    (cause,) = diagnose(
        ["ActiveRecord::ConcurrentMigrationError:", "", "Cannot run migrations because another one runs."]
    )
    assert cause.message.endswith("ConcurrentMigrationError: Cannot run migrations because another one runs.")


def test_source_code_in_a_traceback_is_no_error() -> None:
    assert codes("    raise Locked('could not obtain lock on')", "ValueError: no") == ["migrations/error"]


def test_properties_of_a_dumped_error_are_not_its_last_exception() -> None:
    (cause,) = diagnose(["Error: the seed is missing", "  fatal: true,", "  error: undefined"])
    assert cause.message.endswith("Error: the seed is missing")


def test_what_a_tool_said_last_counts_only_where_it_did_not_end() -> None:
    line = 'o.f.core.internal.command.DbMigrate : Migrating schema "public" to version "2 - x" [non-transactional]'
    assert codes(line) == []
    assert [cause.code for cause in diagnose([line], stopped=True)] == ["migrations/waits-for-itself"]


def test_ten_thousand_lines_take_less_than_a_second() -> None:
    lines = [f"INFO row {n} of table products: relation kept, column kept, nothing does exist" for n in range(9_999)]
    started = time.process_time()
    assert codes(*lines, LOCK_TIMEOUT) == ["database/lock-timeout"]
    assert time.process_time() - started < 1


def test_line_of_a_megabyte_is_searched_in_bounded_time() -> None:
    started = time.process_time()
    assert codes('table "x ' * 110_000, LOCK_TIMEOUT) == ["database/lock-timeout"]
    assert time.process_time() - started < 1
