"""Small projects of the tools of a kit (kit.sh); each writes migrations of SQL statements and gives the command to run.

A project is a folder. `connection` has `host`, `port`, `dbname`, `user`, `password`, perhaps `sslmode` (`require`) and
`connect_timeout` (seconds); with `tcp` it is one of MariaDB.
"""

# ruff: noqa: D102 - Project says what the methods do

import importlib.metadata
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from projects import (
    ALEMBIC_ENV,
    ALEMBIC_INI,
    ALEMBIC_REVISION,
    DJANGO_MANAGE,
    DJANGO_MIGRATION,
    DJANGO_SETTINGS,
    KNEX_MIGRATION,
)

Connection = Mapping[str, str]
Command = tuple[list[str], dict[str, str]]
"""What to run, and its variables."""
QUICK = "-XX:TieredStopAtLevel=1"
"""Has Java start faster."""


class Project(Protocol):
    """A project of a tool, in a folder of its own. `package` is what it is called where it was had from."""

    package: str

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        """Write a migration; gives its file."""

    def command(self, connection: Connection) -> Command:
        """Give what applies the migrations."""


class _InFolder:
    def __init__(self, folder: Path, kit: Path) -> None:
        self.folder = folder
        self.kit = kit
        self.prepare()

    def prepare(self) -> None:
        """Make what every project has."""

    def put(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


class _OfNode(_InFolder):
    modules = "node"

    def prepare(self) -> None:
        (self.folder / "node_modules").symlink_to(self.kit / self.modules / "node_modules")

    def bin(self, name: str) -> str:
        return f"node_modules/.bin/{name}"


class Flyway(_InFolder):
    """Flyway's library under a main method of ten lines."""

    package = "maven flyway-core"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        return self.put(f"sql/V{number}__{title}.sql", sql(statements))

    def command(self, connection: Connection) -> Command:
        arguments = [jdbc(connection), connection["user"], connection["password"]]
        return ["java", QUICK, "-cp", f"{self.kit}/java/lib/*:{self.kit}/java", "Mig", *arguments], {}


class Liquibase(_InFolder):
    """Liquibase's command line, on one formatted SQL file that includes the changesets."""

    package = "maven liquibase-core"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        head = f"--liquibase formatted sql\n--changeset dev:{number}-{title}\n"
        return self.put(f"changes/{number}-{title}.sql", head + sql(statements))

    def command(self, connection: Connection) -> Command:
        names = sorted(path.name for path in (self.folder / "changes").iterdir())
        includes = [{"include": {"file": f"changes/{name}"}} for name in names]
        self.put("changelog.json", json.dumps({"databaseChangeLog": includes}))
        main = "liquibase.integration.commandline.LiquibaseCommandLine"
        arguments = [f"--url={jdbc(connection)}", f"--username={connection['user']}"]
        arguments += [f"--password={connection['password']}", "--changelog-file=changelog.json"]
        return ["java", QUICK, "-cp", f"{self.kit}/java/lib/*:{self.folder}", main, *arguments, "update"], {}


class TypeOrm(_OfNode):
    """TypeORM with migrations of raw queries."""

    package = "npm typeorm"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        calls = "".join(f"    await runner.query({json.dumps(one)});\n" for one in statements)
        name = f"{title}170000000000{number}"
        text = f"class {name} {{\n  name = '{name}';\n  async up(runner) {{\n{calls}  }}\n  async down() {{}}\n}}\n"
        return self.put(f"m/170000000000{number}-{title}.js", f"{text}module.exports = {{ {name} }};\n")

    def command(self, connection: Connection) -> Command:
        options = {**node_options(connection, user="username"), "type": "mysql" if "tcp" in connection else "postgres"}
        options |= {"migrations": ["m/*.js"], "logging": True}
        if "connect_timeout" in connection and "tcp" not in connection:
            options["connectTimeoutMS"] = 1000 * int(connection["connect_timeout"])
        source = (
            f"const {{ DataSource }} = require('typeorm');\nmodule.exports = new DataSource({json.dumps(options)});\n"
        )
        self.put("ds.js", source)
        return [self.bin("typeorm"), "migration:run", "-d", "ds.js"], {}


class Sequelize(_OfNode):
    """Sequelize's command line with migrations of raw queries."""

    package = "npm sequelize"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        calls = "".join(f"    await q.sequelize.query({json.dumps(one)});\n" for one in statements)
        return self.put(
            f"migrations/2026010000000{number}-{title}.js",
            f"module.exports = {{\n  async up(q) {{\n{calls}  }},\n  async down() {{}},\n}};\n",
        )

    def command(self, connection: Connection) -> Command:
        options = {
            **node_options(connection, user="username"),
            "dialect": "mysql" if "tcp" in connection else "postgres",
        }
        extra = {
            key: options.pop(key) for key in ("ssl", "connectionTimeoutMillis", "connectTimeout") if key in options
        }
        config = {"production": {**options, "dialectOptions": extra}}
        self.put("config.js", f"module.exports = {json.dumps(config)};\n")
        return [self.bin("sequelize-cli"), "db:migrate", "--config", "config.js", "--env", "production"], {}


class NodePgMigrate(_OfNode):
    """node-pg-migrate with migrations of raw SQL."""

    package = "npm node-pg-migrate"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        calls = "".join(f"  pgm.sql({json.dumps(one)});\n" for one in statements)
        return self.put(
            f"m/170000000000{number}_{title}.js",
            f"exports.up = (pgm) => {{\n{calls}}};\nexports.down = false;\n",
        )

    def command(self, connection: Connection) -> Command:
        return [self.bin("node-pg-migrate"), "up", "-m", "m"], {"DATABASE_URL": url(connection, "postgres", node=True)}


class MikroOrm(_OfNode):
    """MikroORM's command line."""

    package = "npm @mikro-orm/core"
    modules = "mikro"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        calls = "".join(f"    this.addSql({json.dumps(one)});\n" for one in statements)
        name = f"Migration2026010000000{number}_{title}"
        return self.put(
            f"migrations/{name}.js",
            f"const {{ Migration }} = require('@mikro-orm/migrations');\n"
            f"class {name} extends Migration {{\n  async up() {{\n{calls}  }}\n}}\nmodule.exports = {{ {name} }};\n",
        )

    def command(self, connection: Connection) -> Command:
        options = node_options(connection)
        extra = {key: options.pop(key) for key in ("ssl", "connectionTimeoutMillis") if key in options}
        options["dbName"] = options.pop("database")
        options |= {"entities": [], "discovery": {"warnWhenNoEntities": False}}
        options |= {"driverOptions": {"connection": extra}, "migrations": {"path": "migrations", "snapshot": False}}
        self.put(
            "mikro-orm.config.js",
            "const { PostgreSqlDriver } = require('@mikro-orm/postgresql');\n"
            "const { Migrator } = require('@mikro-orm/migrations');\n"
            f"module.exports = {{ ...{json.dumps(options)}, driver: PostgreSqlDriver, extensions: [Migrator] }};\n",
        )
        self.put("package.json", json.dumps({"mikro-orm": {"configPaths": ["./mikro-orm.config.js"]}}))
        return [self.bin("mikro-orm"), "migration:up"], {"MIKRO_ORM_ALLOW_GLOBAL_CLI": "1"}


class DrizzleOrm(_OfNode):
    """drizzle-orm's migrator under a program of five lines."""

    package = "npm drizzle-orm"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        path = self.put(
            f"drizzle/{number:04}_{title}.sql", "\n--> statement-breakpoint\n".join(statements) or "SELECT 1"
        )
        tags = sorted(file.stem for file in path.parent.glob("*.sql"))
        entries = [
            {"idx": index, "version": "7", "when": 1700000000000 + int(tag[:4]), "tag": tag, "breakpoints": True}
            for index, tag in enumerate(tags)
        ]
        journal = {"version": "7", "dialect": "postgresql", "entries": entries}
        self.put("drizzle/meta/_journal.json", json.dumps(journal))
        return path

    def command(self, connection: Connection) -> Command:
        self.put(
            "migrate.mjs",
            "import pg from 'pg';\nimport { drizzle } from 'drizzle-orm/node-postgres';\n"
            "import { migrate } from 'drizzle-orm/node-postgres/migrator';\n"
            f"const pool = new pg.Pool({json.dumps(node_options(connection))});\n"
            "await migrate(drizzle(pool), { migrationsFolder: 'drizzle' });\nawait pool.end();\n",
        )
        return ["node", "migrate.mjs"], {}


class DrizzleKit(DrizzleOrm):
    """drizzle-kit, which prints no error at all."""

    package = "npm drizzle-kit"

    def command(self, connection: Connection) -> Command:
        self.put("drizzle.config.js", f"module.exports = {json.dumps(self.options(connection))};\n")
        return [self.bin("drizzle-kit"), "migrate"], {}

    def options(self, connection: Connection) -> dict[str, object]:
        return {"dialect": "postgresql", "out": "./drizzle", "dbCredentials": node_options(connection)}


class Knex(_OfNode):
    """Knex with migrations of raw queries."""

    package = "npm knex"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        text = KNEX_MIGRATION.replace("STATEMENTS", json.dumps(list(statements)))
        return self.put(f"migrations/2026010000000{number}_{title}.js", text)

    def command(self, connection: Connection) -> Command:
        client = "mysql2" if "tcp" in connection else "pg"
        config = json.dumps({"client": client, "connection": node_options(connection)})
        self.put("knexfile.js", f"module.exports = {config};\n")
        return [self.bin("knex"), "migrate:latest"], {}


class Postgrator(_OfNode):
    """postgrator's command line."""

    package = "npm postgrator"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        return self.put(f"m/{number:03}.do.{title}.sql", sql(statements))

    def command(self, connection: Connection) -> Command:
        options = {**node_options(connection, user="username"), "driver": "pg", "migrationPattern": "m/*.sql"}
        self.put(".postgratorrc.json", json.dumps(options))
        return [self.bin("postgrator")], {}


class DbMigrate(_OfNode):
    """db-migrate with migrations of raw SQL."""

    package = "npm db-migrate"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        calls = "".join(f"  await db.runSql({json.dumps(one)});\n" for one in statements)
        return self.put(
            f"migrations/2026010000000{number}-{title}.js",
            f"exports.up = async (db) => {{\n{calls}}};\nexports.down = async () => {{}};\n"
            "exports._meta = { version: 1 };\n",
        )

    def command(self, connection: Connection) -> Command:
        self.put("database.json", json.dumps({"prod": {**node_options(connection), "driver": "pg"}}))
        return [self.bin("db-migrate"), "up", "-e", "prod"], {}


class Rails(_InFolder):
    """Rails' rake tasks of ActiveRecord."""

    package = "debian ruby-activerecord"

    RAKEFILE = """\
require 'active_record'
require 'json'
tasks = ActiveRecord::Tasks::DatabaseTasks
tasks.env, tasks.db_dir, tasks.migrations_paths, tasks.root = 'production', 'db', ['db/migrate'], __dir__
ActiveRecord::Base.configurations = JSON.parse(File.read('database.json'))
ActiveRecord::Base.dump_schema_after_migration = false
task(:load_config) { ActiveRecord::Migrator.migrations_paths = ['db/migrate'] }
task(environment: :load_config) { ActiveRecord::Base.establish_connection(:production) }
load 'active_record/railties/databases.rake'
"""

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        calls = "".join(f"    execute({json.dumps(one)})\n" for one in statements)
        text = f"class {title.capitalize()} < ActiveRecord::Migration[6.1]\n  def up\n{calls}  end\nend\n"
        self.put("Rakefile", self.RAKEFILE)
        return self.put(f"db/migrate/2026010000000{number}_{title}.rb", text)

    def command(self, connection: Connection) -> Command:
        wanted = ("host", "port", "password", "sslmode", "connect_timeout")
        options = {key: connection[key] for key in wanted if key in connection}
        options |= {"username": connection["user"], "database": connection["dbname"]}
        options["adapter"] = "mysql2" if "tcp" in connection else "postgresql"
        self.put("database.json", json.dumps({"production": options}))
        return ["rake", "db:migrate"], {"RAILS_ENV": "production"}


class Sqlx(_InFolder):
    """sqlx's command line."""

    package = "crates.io sqlx-cli"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        return self.put(f"m/{number}_{title}.sql", sql(statements))

    def command(self, connection: Connection) -> Command:
        wait = ["--connect-timeout", connection["connect_timeout"]] if "connect_timeout" in connection else []
        arguments = ["migrate", "run", "--source", "m", *(wait or ["--connect-timeout", "1"])]
        return [f"{self.kit}/cargo/bin/sqlx", *arguments], {"DATABASE_URL": url(connection, "postgres", timeout=False)}


class Tern(_InFolder):
    """tern."""

    package = "go tern"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        return self.put(f"m/{number:03}_{title}.sql", sql(statements))

    def command(self, connection: Connection) -> Command:
        arguments = ["migrate", "-m", "m", "--conn-string", url(connection, "postgres")]
        return [f"{self.kit}/go/bin/tern", *arguments], {}


class Dbmate(_OfNode):
    """dbmate, of npm."""

    package = "npm dbmate"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        return self.put(f"m/2026010000000{number}_{title}.sql", f"-- migrate:up\n{sql(statements)}-- migrate:down\n")

    def command(self, connection: Connection) -> Command:
        database = url({"sslmode": "disable", **connection}, "postgres")
        return [self.bin("dbmate"), "--url", database, "-d", "m", "--no-dump-schema", "migrate"], {}


class Prisma(_OfNode):
    """Prisma with the engine that npm gives: the one in WebAssembly, on the driver `pg`."""

    package = "npm prisma"
    modules = "prisma"
    CONFIG = """\
import { defineConfig } from 'prisma/config';
import { PrismaPg } from '@prisma/adapter-pg';
export default defineConfig({
  experimental: { adapter: true },
  engine: 'js',
  adapter: async () => new PrismaPg(OPTIONS),
  schema: 'schema.prisma',
  migrations: { path: 'migrations' },
});
"""
    SCHEMA = """\
datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}
"""

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        self.put("migrations/migration_lock.toml", 'provider = "postgresql"\n')
        return self.put(f"migrations/2026010000000{number}_{title}/migration.sql", sql(statements))

    def command(self, connection: Connection) -> Command:
        self.put("schema.prisma", self.SCHEMA)
        self.put("prisma.config.mjs", self.CONFIG.replace("OPTIONS", json.dumps(node_options(connection))))
        env = {
            "DATABASE_URL": url(connection, "postgresql"),
            "CHECKPOINT_DISABLE": "1",
            "PRISMA_HIDE_UPDATE_MESSAGE": "1",
            # Not used, but one that it takes from its own place would have to be there.
            **dict.fromkeys(("PRISMA_QUERY_ENGINE_LIBRARY", "PRISMA_SCHEMA_ENGINE_BINARY"), "/bin/true"),
        }
        return [self.bin("prisma"), "migrate", "deploy"], env


class Goose(_InFolder):
    """goose."""

    package = "go goose"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        lines = "".join(f"{one};\n" for one in statements) or "SELECT 1;\n"
        return self.put(f"m/{number:05}_{title}.sql", f"-- +goose Up\n{lines}")

    def command(self, connection: Connection) -> Command:
        database = ("postgres", url({"sslmode": "disable", **connection}, "postgres"))
        if "tcp" in connection:
            database = ("mysql", go_dsn(connection))
        return [f"{self.kit}/go/bin/goose", "-dir", "m", *database, "up"], {}


class GolangMigrate(_InFolder):
    """golang-migrate."""

    package = "go migrate"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        return self.put(f"m/{number:04}_{title}.up.sql", ";\n".join(statements))

    def command(self, connection: Connection) -> Command:
        database = url({"sslmode": "disable", **connection}, "postgres")
        if "tcp" in connection:
            database = f"mysql://{go_dsn(connection)}&multiStatements=true"
        return [f"{self.kit}/go/bin/migrate", "-path", "m", "-database", database, "up"], {}


class Yoyo(_InFolder):
    """yoyo."""

    package = "pypi yoyo-migrations"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        return self.put(f"m/{number:04}-{title}.sql", sql(statements))

    def command(self, connection: Connection) -> Command:
        return [
            f"{self.kit}/py/bin/yoyo",
            "apply",
            "-b",
            "--no-config-file",
            "-d",
            url(connection, "postgresql"),
            "m",
        ], {}


class Aerich(_InFolder):
    """aerich on asyncpg; the first migration makes its table, as in those that aerich writes."""

    package = "pypi aerich"
    TABLE = 'CREATE TABLE IF NOT EXISTS "aerich" (id serial, version varchar(255), app varchar(100), content jsonb)'

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        statements = (self.TABLE, *statements) if number == 1 else statements
        text = f"async def upgrade(db):\n    return {sql(statements)!r}\n\n\nasync def downgrade(db):\n    return ''\n"
        self.put("pyproject.toml", '[tool.aerich]\ntortoise_orm = "settings.TORTOISE"\nlocation = "./migrations"\n')
        self.put("shop.py", "")
        return self.put(f"migrations/models/{number}_2026010000000{number}_{title}.py", text)

    def command(self, connection: Connection) -> Command:
        credentials = {key: connection[key] for key in ("host", "user", "password")}
        credentials |= {"port": int(connection["port"]), "database": connection["dbname"]}  # type: ignore[dict-item]
        if connection.get("sslmode") == "require":
            credentials["ssl"] = "require"
        if "connect_timeout" in connection:
            credentials["timeout"] = int(connection["connect_timeout"])  # type: ignore[assignment]
        settings = {
            "connections": {"default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}},
            "apps": {"models": {"models": ["shop", "aerich.models"], "default_connection": "default"}},
        }
        self.put("settings.py", f"TORTOISE = {settings!r}\n")
        return [f"{self.kit}/py/bin/aerich", "upgrade"], {"PYTHONPATH": str(self.folder)}


class PeeweeMigrate(_InFolder):
    """peewee-migrate."""

    package = "pypi peewee-migrate"

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        calls = "".join(f"    migrator.sql({one!r})\n" for one in statements) or "    pass\n"
        head = "def rollback(migrator, database, fake=False):\n    pass\n\n\n"
        text = f"{head}def migrate(migrator, database, fake=False):\n{calls}"
        return self.put(f"m/{number:03}_{title}.py", text)

    def command(self, connection: Connection) -> Command:
        database = url(connection, "postgresql")
        return [f"{self.kit}/py/bin/pw_migrate", "migrate", "--directory", "m", "--database", database], {}


class Sqitch(_InFolder):
    """sqitch, of Debian."""

    package = "debian sqitch"

    def prepare(self) -> None:
        self.put("sqitch.conf", "[core]\n\tengine = pg\n[user]\n\tname = dev\n\temail = dev@example.com\n")

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        return self.put(f"deploy/{title}{number}.sql", f"BEGIN;\n{sql(statements)}COMMIT;\n")

    def command(self, connection: Connection) -> Command:
        names = sorted((file.stem for file in (self.folder / "deploy").iterdir()), key=lambda name: name[-1])
        lines = "".join(f"{name} 2026-01-0{name[-1]}T00:00:00Z dev <dev@example.com>\n" for name in names)
        self.put("sqitch.plan", f"%syntax-version=1.0.0\n%project=shop\n\n{lines}")
        env = {"PGSSLMODE": connection["sslmode"]} if "sslmode" in connection else {}
        if "connect_timeout" in connection:
            env["PGCONNECT_TIMEOUT"] = connection["connect_timeout"]
        target = "db:pg://{user}:{password}@{host}:{port}/{dbname}".format(**connection)
        return ["sqitch", "deploy", "--no-verify", target], env


class Alembic(_InFolder):
    """Alembic on psycopg, or PyMySQL; each revision follows the one before it that is there when it is written."""

    package = "pypi alembic"

    def prepare(self) -> None:
        self.put("alembic.ini", ALEMBIC_INI)
        self.put("migrations/env.py", ALEMBIC_ENV)
        self.put("migrations/script.py.mako", "")

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        before = _before(self.folder / "migrations" / "versions", number)
        text = ALEMBIC_REVISION.format(
            revision=f"{number:04}", down=before and before[:4], statements=tuple(statements)
        )
        return self.put(f"migrations/versions/{number:04}_{title}.py", text)

    def command(self, connection: Connection) -> Command:
        database = url(connection, "mysql+pymysql" if "tcp" in connection else "postgresql+psycopg")
        return [f"{self.kit}/py/bin/alembic", "upgrade", "head"], {"DATABASE_URL": database}


class Django(_InFolder):
    """Django, with one application; each migration follows the one before it that is there when it is written."""

    package = "pypi django"

    def prepare(self) -> None:
        self.put("catalog/__init__.py", "")
        self.put("catalog/migrations/__init__.py", "")
        self.put("settings.py", DJANGO_SETTINGS)
        self.put("manage.py", DJANGO_MANAGE)

    def write(self, number: int, title: str, statements: Sequence[str]) -> Path:
        before = _before(self.folder / "catalog" / "migrations", number)
        dependencies = [("catalog", before)] if before else []
        text = DJANGO_MIGRATION.format(dependencies=dependencies, statements=list(statements))
        return self.put(f"catalog/migrations/{number:04}_{title}.py", text)

    def command(self, connection: Connection) -> Command:
        names = {"host": "DB_HOST", "port": "DB_PORT", "dbname": "DB_NAME", "user": "DB_USER"}
        names["password"] = "DB_PASSWORD"
        env = {names.get(key, f"PG_{key.upper()}"): value for key, value in connection.items()}
        return [f"{self.kit}/py/bin/python", "manage.py", "migrate"], env


def _before(folder: Path, number: int) -> str | None:
    """Find the last migration before a number."""
    names = (path.stem for path in folder.glob("[0-9]*.py") if int(path.stem[:4]) < number)
    return max(names, default=None)


TOOLS: dict[str, type[Project]] = {
    "alembic": Alembic,
    "django": Django,
    "flyway": Flyway,
    "liquibase": Liquibase,
    "typeorm": TypeOrm,
    "sequelize": Sequelize,
    "node-pg-migrate": NodePgMigrate,
    "mikro-orm": MikroOrm,
    "knex": Knex,
    "drizzle-orm": DrizzleOrm,
    "drizzle-kit": DrizzleKit,
    "prisma": Prisma,
    "postgrator": Postgrator,
    "db-migrate": DbMigrate,
    "rails": Rails,
    "goose": Goose,
    "golang-migrate": GolangMigrate,
    "sqlx": Sqlx,
    "tern": Tern,
    "dbmate": Dbmate,
    "yoyo": Yoyo,
    "aerich": Aerich,
    "peewee-migrate": PeeweeMigrate,
    "sqitch": Sqitch,
}
ON_MARIADB: dict[str, type[Project]] = {
    "alembic-pymysql": Alembic,
    **{
        f"{name}-mariadb": TOOLS[name]
        for name in ("flyway", "liquibase", "typeorm", "sequelize", "knex", "rails", "goose", "golang-migrate")
    },
}


def find_version(tool: type[Project], kit: Path) -> str:
    """Find the version of a tool in the kit, or on the machine."""
    registry, name = tool.package.split()
    if registry == "npm":
        modules = kit / getattr(tool, "modules", "node") / "node_modules"
        return str(json.loads((modules / name / "package.json").read_text())["version"])
    if registry == "pypi":
        return importlib.metadata.version(name)
    if registry == "maven":
        (jar,) = (kit / "java" / "lib").glob(f"{name}-[0-9]*.jar")
        return jar.stem.removeprefix(f"{name}-")
    if registry == "debian":
        return find_debian(name)
    if registry == "go":
        told = _run("go", "version", "-m", str(kit / "go" / "bin" / name))
        return next(line.split("\t")[3].lstrip("v") for line in told.splitlines() if line.startswith("\tmod\t"))
    return _run(str(kit / "cargo" / "bin" / "sqlx"), "--version").split()[-1]


def find_debian(package: str) -> str:
    """Find the version of a package of Debian, without what Debian adds to it."""
    version = _run("dpkg-query", "-W", "-f", "${Version}", package)
    return re.split(r"[-+]", version.rpartition(":")[2])[0]


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sql(statements: Sequence[str]) -> str:
    """Write statements as a file of SQL."""
    return "".join(f"{one};\n" for one in statements) or "SELECT 1;\n"


def jdbc(connection: Connection) -> str:
    """Write a connection as JDBC does."""
    if "tcp" in connection:
        return "jdbc:mariadb://{host}:{port}/{dbname}".format(**connection)
    wanted = {"sslmode": "sslmode", "connect_timeout": "connectTimeout"}
    options = urlencode({name: connection[key] for key, name in wanted.items() if key in connection})
    return "jdbc:postgresql://{host}:{port}/{dbname}".format(**connection) + (f"?{options}" if options else "")


def go_dsn(connection: Connection) -> str:
    """Write a connection as Go's driver of MySQL does."""
    timeout = f"&timeout={s}s&readTimeout={s}s" if (s := connection.get("connect_timeout")) else ""
    return "{user}:{password}@tcp({host}:{port})/{dbname}?parseTime=true".format(**connection) + timeout


def node_options(connection: Connection, *, user: str = "user") -> dict[str, object]:
    """Give the options of the drivers of Node.js; `user` is how its name is called."""
    options: dict[str, object] = {"host": connection["host"], "port": int(connection["port"])}
    options |= {user: connection["user"], "password": connection["password"], "database": connection["dbname"]}
    if connection.get("sslmode") == "require":
        options["ssl"] = {"rejectUnauthorized": False}
    if "connect_timeout" in connection:
        name = "connectTimeout" if "tcp" in connection else "connectionTimeoutMillis"
        options[name] = 1000 * int(connection["connect_timeout"])
    return options


def url(connection: Connection, scheme: str, *, node: bool = False, timeout: bool = True) -> str:
    """Write a connection as a URL."""
    wanted = {"sslmode": "sslmode", **({"connect_timeout": "connect_timeout"} if timeout else {})}
    options = {name: connection[key] for key, name in wanted.items() if key in connection}
    if node and options.get("sslmode") == "require":
        options["sslmode"] = "no-verify"
    address = "{user}:{password}@{host}:{port}/{dbname}".format(**connection)
    return f"{scheme}://{address}" + (f"?{urlencode(options)}" if options else "")


def remove(path: Path) -> None:
    """Remove a migration; of Drizzle the journal, too, forgets it."""
    path.unlink()
    journal = path.parent / "meta" / "_journal.json"
    if journal.exists():
        entries = json.loads(journal.read_text())
        entries["entries"] = [entry for entry in entries["entries"] if entry["tag"] != path.stem]
        journal.write_text(json.dumps(entries))
