"""Small projects of real migration tools; each command returns the tool's output, standard error included."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

ALEMBIC_INI = "[alembic]\nscript_location = %(here)s/migrations\n"
ALEMBIC_ENV = """\
import os
from alembic import context
from sqlalchemy import MetaData, create_engine

with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection, target_metadata=MetaData())
    with context.begin_transaction():
        context.run_migrations()
"""
ALEMBIC_REVISION = '''\
"""{revision}"""
from alembic import op

revision = "{revision}"
down_revision = {down!r}


def upgrade():
    for statement in {statements!r}:
        op.execute(statement)
'''
DJANGO_SETTINGS = """\
import os
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ["DB_HOST"], "PORT": os.environ["DB_PORT"], "NAME": os.environ["DB_NAME"],
    "USER": os.environ["DB_USER"], "PASSWORD": os.environ["DB_PASSWORD"],
    "OPTIONS": {k[3:].lower(): v for k, v in os.environ.items() if k.startswith("PG_")},
}}
INSTALLED_APPS = ["catalog"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
"""
DJANGO_MANAGE = """\
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
DJANGO_MIGRATION = """\
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = {dependencies!r}
    operations = [migrations.RunSQL({statements!r})]
"""

KNEX_MIGRATION = """\
exports.up = async (knex) => {
  for (const statement of STATEMENTS) await knex.raw(statement);
};
exports.down = async () => {};
"""

Connection = Mapping[str, str]


class Alembic:
    """A project whose revisions are lists of SQL statements."""

    def __init__(self, folder: Path, driver: str = "postgresql+psycopg") -> None:
        self.folder = folder
        self.driver = driver
        (folder / "migrations" / "versions").mkdir(parents=True)
        (folder / "alembic.ini").write_text(ALEMBIC_INI)
        (folder / "migrations" / "env.py").write_text(ALEMBIC_ENV)
        (folder / "migrations" / "script.py.mako").write_text("")

    def write(self, revision: str, down: str | None, statements: Iterable[str]) -> None:
        """Write one revision."""
        path = self.folder / "migrations" / "versions" / f"{revision}.py"
        path.write_text(ALEMBIC_REVISION.format(revision=revision, down=down, statements=tuple(statements)))

    def run(self, connection: Connection, *arguments: str) -> str:
        """Run `alembic ARGUMENTS`."""
        url = f"{self.driver}://{_url(connection)}"
        return output([sys.executable, "-m", "alembic", *arguments], self.folder, {"DATABASE_URL": url})


class Django:
    """A project with one app, `catalog`, whose migrations are lists of SQL statements."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "catalog" / "migrations").mkdir(parents=True)
        (folder / "catalog" / "__init__.py").touch()
        (folder / "catalog" / "migrations" / "__init__.py").touch()
        (folder / "settings.py").write_text(DJANGO_SETTINGS)
        (folder / "manage.py").write_text(DJANGO_MANAGE)

    def write(self, name: str, after: str | None, statements: Iterable[str]) -> None:
        """Write one migration."""
        path = self.folder / "catalog" / "migrations" / f"{name}.py"
        dependencies = [("catalog", after)] if after else []
        path.write_text(DJANGO_MIGRATION.format(dependencies=dependencies, statements=list(statements)))

    def run(self, connection: Connection, *arguments: str) -> str:
        """Run `manage.py ARGUMENTS`."""
        names = {
            "host": "DB_HOST",
            "port": "DB_PORT",
            "dbname": "DB_NAME",
            "user": "DB_USER",
            "password": "DB_PASSWORD",
        }
        env = {names.get(key, f"PG_{key.upper()}"): value for key, value in connection.items()}
        return output([sys.executable, "manage.py", *arguments], self.folder, env)


class GolangMigrate:
    """A folder of `up.sql` files for golang-migrate; `binary` was built with `-tags postgres`."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.folder = folder
        self.binary = binary

    def write(self, name: str, statements: Iterable[str]) -> None:
        """Write one migration, `NNNN_title`."""
        (self.folder / f"{name}.up.sql").write_text(";\n".join(statements))

    def run(self, connection: Connection, *arguments: str) -> str:
        """Run `migrate ARGUMENTS`."""
        return output(self._command(connection, arguments), self.folder, {})

    @contextmanager
    def running(self, connection: Connection, *arguments: str) -> Iterator[None]:
        """Let `migrate ARGUMENTS` run for the time of the block."""
        with subprocess.Popen(self._command(connection, arguments), cwd=self.folder) as process:
            yield
            process.kill()

    def _command(self, connection: Connection, arguments: Iterable[str]) -> list[str]:
        url = f"postgres://{_url({'sslmode': 'disable', **connection})}"
        if "tcp" in connection:
            url = f"mysql://{_go_dsn(connection)}&multiStatements=true"
        return [str(self.binary), "-path", ".", "-database", url, *arguments]


class Goose:
    """A folder of goose's SQL files; `binary` is goose."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.folder = folder
        self.binary = binary

    def write(self, name: str, statements: Iterable[str]) -> None:
        """Write one migration, `NNNN_title`."""
        lines = "".join(f"{statement};\n" for statement in statements) or "SELECT 1;\n"
        (self.folder / f"{name}.sql").write_text(f"-- +goose Up\n{lines}")

    def run(self, connection: Connection, *arguments: str) -> str:
        """Run `goose ARGUMENTS`."""
        database = ("postgres", f"postgres://{_url({'sslmode': 'disable', **connection})}")
        if "tcp" in connection:
            database = ("mysql", _go_dsn(connection))
        return output([str(self.binary), *database, *arguments], self.folder, {})


class Knex:
    """A project of Knex; `modules` is a `node_modules` with knex, pg and mysql2."""

    def __init__(self, folder: Path, modules: Path) -> None:
        self.folder = folder
        (folder / "migrations").mkdir()
        (folder / "node_modules").symlink_to(modules)

    def write(self, name: str, statements: Iterable[str]) -> None:
        """Write one migration, `NNNN_title`."""
        text = KNEX_MIGRATION.replace("STATEMENTS", json.dumps(list(statements)))
        (self.folder / "migrations" / f"{name}.js").write_text(text)

    def run(self, connection: Connection, *arguments: str, ok: bool = False) -> str:
        """Run `knex ARGUMENTS`; with `ok` it may succeed."""
        mine = {key: connection[key] for key in ("host", "port", "user", "password")} | {
            "database": connection["dbname"]
        }
        if connection.get("sslmode") == "require":
            mine["ssl"] = {"rejectUnauthorized": False}
        if "connect_timeout" in connection:
            name = "connectTimeout" if "tcp" in connection else "connectionTimeoutMillis"
            mine[name] = 1000 * int(connection["connect_timeout"])
        client = "mysql2" if "tcp" in connection else "pg"
        config = json.dumps({"client": client, "connection": mine})
        (self.folder / "knexfile.js").write_text(f"module.exports = {config};\n")
        return output(["node_modules/.bin/knex", *arguments], self.folder, {}, ok=ok)


def _go_dsn(connection: Connection) -> str:
    timeout = f"&timeout={s}s&readTimeout={s}s" if (s := connection.get("connect_timeout")) else ""
    return "{user}:{password}@tcp({host}:{port})/{dbname}?parseTime=true".format(**connection) + timeout


def _url(connection: Connection) -> str:
    rest = {
        key: value
        for key, value in connection.items()
        if key not in {"host", "port", "dbname", "user", "password", "tcp"}
    }
    address = "{user}:{password}@{host}:{port}/{dbname}".format(**connection)
    return f"{address}?{urlencode(rest)}" if rest else address


def output(command: list[str], folder: Path, env: Mapping[str, str], *, ok: bool = False) -> str:
    """Run a command that is to fail (or, with `ok`, may succeed); returns what it wrote."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == 0 and not ok:
        raise RuntimeError(f"{command} did not fail:\n{done.stdout}")
    return done.stdout
