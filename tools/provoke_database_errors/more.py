"""Provoke errors with tools and servers that the project's environment does not bring along.

    PYTHON tools/provoke_database_errors/more.py FOLDER [WORD ...]

FOLDER holds `go/bin` (golang-migrate built with `-tags postgres,mysql`, goose) and `node/node_modules` (knex, pg,
mysql2); PYTHON has alembic, PyMySQL and mysqlclient beside what the other script needs; `mariadb-server` is installed.
A case that the tool does not fail at is told and left out.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from cases import CASES, SHOP, Case
from mariadb import MARIADB_CASES, MariaCase, MariaServer, running_mariadb
from projects import Alembic, Connection, GolangMigrate, Goose, Knex
from server import Server, running_server

OUTPUT = Path(__file__).parents[2] / "tests" / "data" / "tool_logs"
DISTINCT = ("unique", "not-null", "already-exists", "does-not-exist", "syntax", "missing", "authentication", "lost")
"""Cases that are enough for a second driver: the others differ by the server's words alone."""
Run = Callable[[Connection, Path], str]


def main() -> None:
    """Run all that was asked for, on PostgreSQL, then on MariaDB."""
    tools, words = Path(sys.argv[1]), sys.argv[2:]
    with running_server() as postgres:
        for name, case, run in on_postgres(tools):
            keep(name, case, run, postgres, words)
    with running_mariadb() as mariadb:
        for name, case, run in on_mariadb(tools):
            keep(name, case, run, mariadb, words)


def keep(name: str, case: Case | MariaCase, run: Run, server: Server | MariaServer, words: list[str]) -> None:
    """Run one case on a new database and write what the tool printed to `name`.txt."""
    if words and not any(word in name for word in words):
        return
    server.reset()
    connection = {"host": "127.0.0.1", "port": str(server.port), "dbname": "app", "user": "app", "password": "pa55word"}
    with tempfile.TemporaryDirectory() as folder, case.world(server) as changes:  # type: ignore[arg-type]
        try:
            text = neutral(run({**connection, **changes}, Path(folder)), folder, server)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            sys.stdout.write(f"{name}: NOT WRITTEN: {error}\n"[:300])
            return
    path = OUTPUT / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def neutral(text: str, folder: str, server: Server | MariaServer) -> str:
    """Replace what only this machine has: folders, ports, versions of its own."""
    library = str(Path(os.__file__).parent)
    port = "3306" if isinstance(server, MariaServer) else "5432"
    for here, there in (
        (folder, "/app"),
        (sys.prefix, "/venv"),
        (library, "/usr/lib/python3.11"),
        (str(server.port), port),
    ):
        text = text.replace(here, there)
    text = re.sub(r"/[^\s()]*/node_modules/", "/app/node_modules/", text)
    text = re.sub(r"lookup (\w+) on \S+:53", r"lookup \1 on 10.0.0.10:53", text)
    return re.sub(r"\b(port:? |127\.0\.0\.1:)\d{4,5}\b", rf"\g<1>{port}", text)


def on_postgres(tools: Path) -> Iterator[tuple[str, Case, Run]]:
    """Knex and goose, on PostgreSQL."""
    for case in CASES:
        yield f"knex/{case.expected}", case, with_knex(tools, case)
        if any(word in case.expected for word in DISTINCT):
            yield f"goose/{case.expected}", case, with_goose(tools, case)
    yield "knex/migrations.locked", Case("", SHOP), knex_locked(tools)
    yield "knex/migrations.revision-unknown", Case("", SHOP), knex_lost_file(tools)


def on_mariadb(tools: Path) -> Iterator[tuple[str, MariaCase, Run]]:
    """Alembic with two drivers, golang-migrate, goose and Knex, on MariaDB."""
    for case in MARIADB_CASES:
        if "timeout" not in case.expected or case.statements:  # these two do not say that it was the time
            yield f"alembic-pymysql/{case.expected}", case, with_alembic("mysql+pymysql", case)
            if "deadlock" not in case.expected:
                yield f"golang-migrate-mariadb/{case.expected}", case, with_migrate(tools, case)
        if any(word in case.expected for word in DISTINCT) or "connection" in case.expected or "host" in case.expected:
            yield f"alembic-mysqlclient/{case.expected}", case, with_alembic("mysql+mysqldb", case)
            yield f"goose-mariadb/{case.expected}", case, with_goose(tools, case)
            yield f"knex-mariadb/{case.expected}", case, with_knex(tools, case)
    yield "golang-migrate-mariadb/migrations.dirty", MariaCase("", ("SELECT nothing",)), migrate_dirty(tools)


def with_alembic(driver: str, case: MariaCase) -> Run:
    """Run the case's statements as an Alembic revision."""

    def run(connection: Connection, folder: Path) -> str:
        project = Alembic(folder, driver)
        project.write("0001", None, case.statements)
        return project.run(connection, "upgrade", "head")

    return run


def with_migrate(tools: Path, case: MariaCase) -> Run:
    """Run the case's statements as a migration of golang-migrate."""

    def run(connection: Connection, folder: Path) -> str:
        project = GolangMigrate(folder, tools / "go" / "bin" / "migrate")
        project.write("0001_initial", case.statements)
        return project.run({**connection, "tcp": ""}, "up")

    return run


def with_goose(tools: Path, case: Case | MariaCase) -> Run:
    """Run the case's statements as a migration of goose."""

    def run(connection: Connection, folder: Path) -> str:
        project = Goose(folder, tools / "go" / "bin" / "goose")
        project.write("0001_initial", case.statements)
        return project.run(_told(connection, case), "up")

    return run


def with_knex(tools: Path, case: Case | MariaCase) -> Run:
    """Run the case's statements as a migration of Knex."""

    def run(connection: Connection, folder: Path) -> str:
        project = Knex(folder, tools / "node" / "node_modules")
        project.write("0001_initial", case.statements)
        return project.run(_told(connection, case), "migrate:latest")

    return run


def _told(connection: Connection, case: Case | MariaCase) -> Connection:
    return {**connection, "tcp": ""} if isinstance(case, MariaCase) else connection


def knex_locked(tools: Path) -> Run:
    """A run that was killed left the lock behind."""

    def run(connection: Connection, folder: Path) -> str:
        project = Knex(folder, tools / "node" / "node_modules")
        project.write("0001_initial", ("SELECT 1",))
        project.run(connection, "migrate:latest", ok=True)
        with psycopg.connect(
            "{}://{user}:{password}@{host}:{port}/{dbname}".format("postgresql", **connection)
        ) as session:
            session.execute("UPDATE knex_migrations_lock SET is_locked = 1")
        project.write("0002_price", ("SELECT 1",))
        return project.run(connection, "migrate:latest")

    return run


def knex_lost_file(tools: Path) -> Run:
    """The database has a migration that the image does not have."""

    def run(connection: Connection, folder: Path) -> str:
        project = Knex(folder, tools / "node" / "node_modules")
        project.write("0001_initial", SHOP)
        project.write("0002_faulty", ("SELECT 1/0",))
        project.run(connection, "migrate:up", "0001_initial.js", ok=True)
        (folder / "migrations" / "0001_initial.js").unlink()
        return project.run(connection, "migrate:latest")

    return run


def migrate_dirty(tools: Path) -> Run:
    """An earlier migration failed half-way."""

    def run(connection: Connection, folder: Path) -> str:
        project = GolangMigrate(folder, tools / "go" / "bin" / "migrate")
        project.write("0001_initial", ("SELECT nothing",))
        project.run({**connection, "tcp": ""}, "up")
        return project.run({**connection, "tcp": ""}, "up")

    return run


if __name__ == "__main__":
    main()
