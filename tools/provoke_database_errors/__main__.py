"""Provoke database errors with real migration tools against a real PostgreSQL, and keep what they print as test data.

    python tools/provoke_database_errors [--migrate PATH] [WORD ...]

`--migrate` is a golang-migrate binary; without it that tool is left out:
`go install -tags postgres github.com/golang-migrate/migrate/v4/cmd/migrate@latest`.
With words only the files are written whose name contains one of them. Run as root on Linux (a full disk needs a mount).
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from cases import CASES, SHOP, STATEMENTS, Case
from projects import Alembic, Connection, Django, GolangMigrate
from server import Server, running_server

OUTPUT = Path(__file__).parents[2] / "tests" / "data" / "tool_logs"
Run = Callable[[Server, Connection, Path], str]


def main() -> None:
    """Run all that was asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--migrate", type=Path)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    with running_server() as server:
        for name, run in scenarios(options.migrate):
            if not options.words or any(word in name for word in options.words):
                keep(name, server, run)


def keep(name: str, server: Server, run: Run) -> None:
    """Run one scenario on a new database and write what the tool printed to `name`.txt."""
    server.reset()
    connection = {"host": "127.0.0.1", "port": str(server.port), "dbname": "app", "user": "app", "password": "pa55word"}
    with tempfile.TemporaryDirectory() as folder:
        text = neutral(run(server, connection, Path(folder)), Path(folder), server)
    path = OUTPUT / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    sys.stdout.write(f"{name}: {text.strip().splitlines()[-1]}\n")


def neutral(text: str, folder: Path, server: Server) -> str:
    """Replace what only this machine has: folders, ports, process ids."""
    library = str(Path(os.__file__).parent)
    for here, there in ((str(folder), "/app"), (sys.prefix, "/venv"), (library, "/usr/lib/python3.11")):
        text = text.replace(here, there)
    text = text.replace(str(server.port), "5432")
    text = re.sub(r"lookup postgresql on \S+:53", "lookup postgresql on 10.0.0.10:53", text)
    return re.sub(r"\b(port:? |127\.0\.0\.1:)\d{4,5}\b", r"\g<1>5432", text)


def scenarios(migrate: Path | None) -> Iterator[tuple[str, Run]]:
    """All scenarios by the name of their file: `tool/area.kind[.variant]`."""
    for case in CASES:
        yield f"alembic/{case.expected}", with_alembic(case)
        yield f"django/{case.expected}", with_django(case)
    yield "alembic/database.disk-full", full_disk
    yield "alembic/database.not-ready", stopping_server
    yield "alembic/migrations.multiple-heads", alembic_heads
    yield "alembic/migrations.revision-unknown", alembic_lost_revision
    yield "alembic/migrations.out-of-date", alembic_out_of_date
    yield "alembic/migrations.error", alembic_broken_script
    yield "django/migrations.multiple-heads", django_leaves
    yield "django/migrations.inconsistent-history", django_history
    yield "django/migrations.revision-unknown", django_lost_dependency
    if migrate is not None:
        yield from golang_scenarios(migrate)


def with_alembic(case: Case) -> Run:
    """Run the case's statements as an Alembic revision."""

    def run(server: Server, connection: Connection, folder: Path) -> str:
        project = Alembic(folder)
        project.write("0001", None, case.statements)
        with case.world(server) as changes:
            return project.run({**connection, **changes}, "upgrade", "head")

    return run


def with_django(case: Case) -> Run:
    """Run the case's statements as a Django migration."""

    def run(server: Server, connection: Connection, folder: Path) -> str:
        project = Django(folder)
        project.write("0001_initial", None, case.statements)
        with case.world(server) as changes:
            return project.run({**connection, **changes}, "migrate")

    return run


def with_golang(case: Case, binary: Path) -> Run:
    """Run the case's statements as a migration of golang-migrate."""

    def run(server: Server, connection: Connection, folder: Path) -> str:
        project = GolangMigrate(folder, binary)
        project.write("0001_initial", case.statements)
        with case.world(server) as changes:
            return project.run({**connection, **changes}, "up")

    return run


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a file system of 80 MB (root only): a new cluster takes half of it."""
    with tempfile.TemporaryDirectory() as folder:
        if os.system(f"mount -t tmpfs -o size=80m tmpfs {folder}"):
            raise RuntimeError("cannot mount a small file system here")
        try:
            yield Path(folder)
        finally:
            os.system(f"umount {folder}")


def full_disk(_server: Server, connection: Connection, folder: Path) -> str:
    """Fill the disk of a server of its own."""
    rows = "CREATE UNLOGGED TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"
    with small_disk() as disk, running_server(disk) as server:
        server.reset()
        run = with_alembic(Case("", (rows,)))
        text = run(server, {**connection, "port": str(server.port)}, folder)
        return neutral(text, folder, server)


def stopping_server(_server: Server, connection: Connection, folder: Path) -> str:
    """Connect to a server that was asked to stop and waits for its last client to go."""
    with running_server() as server:
        server.reset()
        with server.connect():
            os.kill(server.pid, signal.SIGTERM)
            while not is_refused(server):
                time.sleep(0.01)
            project = Alembic(folder)
            project.write("0001", None, ())
            return neutral(project.run({**connection, "port": str(server.port)}, "upgrade", "head"), folder, server)


def is_refused(server: Server) -> bool:
    """Tell whether the server takes no more connections."""
    try:
        server.connect().close()
    except psycopg.OperationalError:
        return True
    return False


def alembic_heads(_server: Server, connection: Connection, folder: Path) -> str:
    """Two revisions follow the same one."""
    project = Alembic(folder)
    for revision, down in (("0001", None), ("0002a", "0001"), ("0002b", "0001")):
        project.write(revision, down, ())
    return project.run(connection, "upgrade", "head")


def alembic_lost_revision(server: Server, connection: Connection, folder: Path) -> str:
    """The database is at a revision that the image does not have."""
    project = Alembic(folder)
    project.write("0001", None, ())
    with server.connect(user="app") as session:
        session.execute(
            "CREATE TABLE alembic_version (version_num varchar(32)); INSERT INTO alembic_version VALUES ('0007')"
        )
    return project.run(connection, "upgrade", "head")


def alembic_out_of_date(_server: Server, connection: Connection, folder: Path) -> str:
    """A check asks for a database that is at the head."""
    project = Alembic(folder)
    project.write("0001", None, ())
    return project.run(connection, "check")


def alembic_broken_script(_server: Server, connection: Connection, folder: Path) -> str:
    """The migration itself has a fault that no table of ours knows."""
    project = Alembic(folder)
    project.write("0001", None, ())
    with (folder / "migrations" / "versions" / "0001.py").open("a") as script:
        script.write('    raise ValueError("3 products have no price")\n')
    return project.run(connection, "upgrade", "head")


def django_leaves(_server: Server, connection: Connection, folder: Path) -> str:
    """Two migrations follow the same one."""
    project = Django(folder)
    for name, after in (("0001_initial", None), ("0002_price", "0001_initial"), ("0002_stock", "0001_initial")):
        project.write(name, after, ())
    return project.run(connection, "migrate")


def django_history(server: Server, connection: Connection, folder: Path) -> str:
    """A migration is recorded as applied before one that it depends on."""
    project = Django(folder)
    project.write("0001_initial", None, ())
    project.write("0002_price", "0001_initial", ())
    with server.connect(user="app") as session:
        session.execute("CREATE TABLE django_migrations (id serial, app text, name text, applied timestamptz)")
        session.execute("INSERT INTO django_migrations (app, name) VALUES ('catalog', '0002_price')")
    return project.run(connection, "migrate")


def django_lost_dependency(_server: Server, connection: Connection, folder: Path) -> str:
    """A migration depends on one that the image does not have."""
    project = Django(folder)
    project.write("0002_price", "0001_initial", ())
    return project.run(connection, "migrate")


def golang_scenarios(binary: Path) -> Iterator[tuple[str, Run]]:
    """What golang-migrate prints: some database errors, and the states of its own."""
    chosen = {
        "database.connection-refused",
        "database.authentication-failed",
        "database.missing",
        "database.host-unknown",
        "database.too-many-connections",
        "database.tls-refused",
    }
    # Its files are sent as one query, in which some errors look different.
    for case in (*(c for c in CASES if c.expected in chosen), *STATEMENTS):
        if case.expected != "database.in-transaction":
            yield f"golang-migrate/{case.expected}", with_golang(case, binary)

    def dirty(_server: Server, connection: Connection, folder: Path) -> str:
        project = GolangMigrate(folder, binary)
        project.write("0001_initial", ("SELECT 1/0",))
        project.run(connection, "up")
        return project.run(connection, "up")

    def locked(server: Server, connection: Connection, folder: Path) -> str:
        project = GolangMigrate(folder, binary)
        project.write("0001_initial", ("SELECT pg_sleep(60)",))
        with project.running(connection, "up"), server.connect() as observer:
            while not observer.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchone():
                time.sleep(0.01)
            # Its own -lock-timeout doesn't cover the lock that it takes while it connects: only the server's does.
            return project.run({**connection, "lock_timeout": "500"}, "up")

    def unknown(server: Server, connection: Connection, folder: Path) -> str:
        project = GolangMigrate(folder, binary)
        project.write("0001_initial", SHOP)
        with server.connect(user="app") as session:
            session.execute("CREATE TABLE schema_migrations (version bigint, dirty boolean)")
            session.execute("INSERT INTO schema_migrations VALUES (7, false)")
        return project.run(connection, "up")

    yield "golang-migrate/migrations.dirty", dirty
    yield "golang-migrate/migrations.locked", locked
    yield "golang-migrate/migrations.revision-unknown", unknown


if __name__ == "__main__":
    main()
