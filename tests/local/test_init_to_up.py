"""The command that `init` prints runs what is in a folder, with its migrations, on this machine."""

import os
import re
import shlex
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
ENV_PY = """
import os
import sqlalchemy
from alembic import context

url = sqlalchemy.make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
with sqlalchemy.create_engine(url).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
from alembic import op

revision, down_revision = "1", None


def upgrade():
    op.execute("CREATE TABLE notes (id bigint PRIMARY KEY)")
    print("notes are there")
"""


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def make_alembic(folder: Path) -> list[str]:
    (folder / "migrations" / "versions").mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (folder / "migrations" / "env.py").write_text(ENV_PY)
    (folder / "migrations" / "versions" / "1.py").write_text(REVISION)
    return []


def make_django(folder: Path) -> list[str]:
    assert run(folder, "django-admin", "startproject", "site1", ".").returncode == 0
    return []


def make_nothing(_: Path) -> list[str]:
    return ["--migration-command", "sh -c 'echo migrating'"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (make_alembic, "notes are there"),
        (make_django, "Applying auth.0001_initial... OK"),
        (make_nothing, "migrating"),
    ],
)
def test_the_command_that_init_prints_runs_what_is_there(
    tmp_path: Path, make: Callable[[Path], list[str]], says: str
) -> None:
    port = free_port()
    written = run(tmp_path, "ks-universal", "init", "--name", "notes", "--port", str(port), *make(tmp_path))
    assert written.returncode == 0, written.stderr
    (command,) = re.findall(r"^run it here: (.+)$", written.stderr, re.MULTILINE)
    up = run(tmp_path, *shlex.split(command), "--until-ready")
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert says in up.stdout
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.status == 200
    finally:
        assert run(tmp_path, "ks-universal", "down", "notes").returncode == 0
