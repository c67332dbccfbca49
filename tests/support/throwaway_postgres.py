"""A PostgreSQL for tests of what is done to databases: fast, without passwords, with new databases."""

import asyncio
import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from ks_universal.targets.local.postgres.binaries import Programs, choose_programs
from support.cluster_release import wait_until


class ThrowawayPostgres:
    """Where it is. Databases have a name each and are dropped with the server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._templates: dict[str, str] = {}

    def conninfo(self, database: str = "postgres") -> str:
        return f"host={self._folder} dbname={database} user=postgres"

    def template(self, statements: str) -> str:
        """Return the name of a database with a schema, made once, to make others of."""
        if statements not in self._templates:
            conninfo = self.create_database(statements)
            self._templates[statements] = conninfo.partition("dbname=")[2].partition(" ")[0]
        return self._templates[statements]

    def create_database(self, *statements: str, template: str = "template1") -> str:
        """Make a database with a schema, and return how to connect to it as a superuser."""
        name = f"database_{next(self._numbers)}"
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        with psycopg.connect(self.conninfo(name), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        return self.conninfo(name)


@contextmanager
def serve_throwaway(folder: Path, programs: Programs | None = None) -> Iterator[ThrowawayPostgres]:
    """Run a server on a socket in a folder with a short path."""
    programs = programs or asyncio.run(choose_programs())
    if os.getuid() == 0:
        os.chown(folder, programs.owner, -1)
    data = folder / "data"
    options = ("-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
    subprocess.run([*programs.command("initdb"), *options], check=True, stdout=subprocess.DEVNULL)
    settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    argv: list[str | Path] = [
        *programs.command("postgres"),
        "-D",
        data,
        *settings,
        "-c",
        "max_wal_size=4GB",
        "-c",
        "autovacuum=off",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(argv, stderr=log) as server:
        pid_file = data / "postmaster.pid"
        wait_until(lambda: pid_file.exists() and "ready" in pid_file.read_text())
        try:
            yield ThrowawayPostgres(folder)
        finally:
            server.send_signal(3)  # SIGQUIT: at once
