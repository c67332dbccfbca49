"""What a rehearsal begins with: its base, rows, role and variables; psql against the real embedded PostgreSQL."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ks_universal.rehearsal.environment import build_environment
from ks_universal.rehearsal.server import RehearsalServer, Server
from ks_universal.targets.local.postgres.binaries import Programs
from support.shell import Invoke, Write

PSQL = "psql -q -v ON_ERROR_STOP=1"
# As pg_dump writes it: with the names of production's roles.
BASE = """
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);
ALTER TABLE orders OWNER TO shop_owner;
GRANT SELECT ON orders TO reporting;
"""
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")


@pytest.fixture(autouse=True)
def programs_of_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def test_a_dump_with_roles_and_rows_of_a_file_make_the_state_before(ksu: Invoke, write: Write) -> None:
    up = "ALTER TABLE orders ADD COLUMN cents bigint; GRANT UPDATE ON orders TO billing;"
    write({"base.sql": BASE, "rows.sql": "INSERT INTO orders\nVALUES (1, 10), (2, 20);", "up.sql": up})
    inputs = ("--base", "base.sql", "--seed", "rows.sql", "--role", "shop_owner")
    done = ksu("rehearse", "--quick", "--command", f"{PSQL} -f up.sql", *inputs, "-o", "json")
    assert done.status == 0, done.err
    report = json.loads(done.out)
    assert report["rows"] == {"public.orders": 2}
    first = report["runs"][0]
    assert first["result"]["status"] == 0
    assert "the roles reporting, billing, too" in first["notes"][0]
    assert not [each for each in report["verdicts"] if each["code"] == "fails"]
    assert "name shop_owner@127.0.0.1:" in done.err


def test_a_git_reference_makes_the_state_before_with_the_migrations_themselves(
    ksu: Invoke, write: Write, folder: Path
) -> None:
    (folder / "db").mkdir()
    write({"db/1.sql": "CREATE TABLE IF NOT EXISTS a (id int PRIMARY KEY);"})
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first"), ("tag", "v1")):
        subprocess.run([*GIT, *words], check=True, cwd=folder)
    write({"db/2.sql": "ALTER TABLE a ADD COLUMN IF NOT EXISTS b int;"})
    command = f"for file in db/*.sql; do {PSQL} -f $file || exit; done"
    done = ksu("rehearse", "--quick", "--command", command, "--base", "git:v1", "-o", "json")
    assert done.status == 0, done.err
    report = json.loads(done.out)
    assert report["rows"] == {"public.a": 20_000}
    assert report["schema"] == ["-    id integer NOT NULL", "+    id integer NOT NULL,", "+    b integer"]
    again = ksu("rehearse", "--quick", "--command", "true; " + command.replace("db/*", "db/1"), "--base", "git:v1")
    assert "it has changed nothing in the database" in again.out
    for reference in ("git:v2", "git:--output=x"):
        assert "rehearsal/base]: the files at" in ksu("rehearse", "--command", command, "--base", reference).err


def test_what_only_a_superuser_may_do_fails_with_that_hint(ksu: Invoke, write: Write) -> None:
    away = "DROP SCHEMA ksu_rehearsal CASCADE;"
    write({"up.sql": f"CREATE ROLE x; ALTER SYSTEM SET work_mem = '8MB'; {away}"})
    command = ("rehearse", "--quick", "--command", f"{PSQL} -f up.sql", "-o", "json")
    owner, superuser = (json.loads(ksu(*command, *options).out) for options in ((), ("--superuser",)))
    (verdict,) = [each for each in owner["verdicts"] if each["code"] == "fails"]
    assert verdict["facts"]["sqlstate"] == "42501"
    assert "--superuser" in verdict["advice"]
    assert "fails" not in {each["code"] for each in superuser["verdicts"]}
    assert "it has removed what observes the database" in " ".join(superuser["runs"][0]["notes"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--base", "echo elsewhere"), "rehearsal/not-connected]: echo elsewhere never connected"),
        (("--base", "b.sql", "--seed", "r.sql"), "r.sql cannot be run on the state before: psql:r.sql:2"),
        (("--base", "b.sql", "--rollback-command", "true"), "rehearsal/not-connected]: true never connected"),
        (("--pg-bin", "."), "rehearsal/version]: there is no PostgreSQL in "),
    ],
)  # fmt: skip
def test_what_a_rehearsal_cannot_begin_with_is_said(
    options: tuple[str, ...], said: str, ksu: Invoke, write: Write
) -> None:
    write({"b.sql": "CREATE TABLE t (id int);", "r.sql": "SELECT 1;\nINSERT INTO no_such VALUES (1);"})
    done = ksu("rehearse", "--quick", "--command", f"{PSQL} -c 'CREATE TABLE u ()'", *options)
    assert done.status == 1
    assert said in done.err


def test_an_archive_with_another_checksum_and_a_registry_that_is_away_are_findings(
    ksu: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ks_universal.rehearsal.builds._PLACES", ())
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    away = ksu("rehearse", "--command", "true", "--pg", "16")
    assert "error[rehearsal/version]: PostgreSQL 16.14.0 cannot be fetched from http://127.0.0.1:9/" in away.err
    assert "--pg-bin" in away.err
    monkeypatch.setattr("ks_universal.rehearsal.builds._fetch", lambda _: b"another file")
    assert "its checksum is wrong" in ksu("rehearse", "--command", "true", "--pg", "16").err
    assert not (folder / "cache").exists()


def test_each_variable_that_names_a_database_names_that_of_the_rehearsal() -> None:
    none = Programs(Path("/usr/bin"), 0)
    server = Server(
        wanted=RehearsalServer(), port=5999, version="18.6", clients=none, folder=Path("/f"), superuser_password="s",
        password="p",
    )  # fmt: skip
    production = "postgresql+asyncpg://u:secret@prod:5432/shop"
    inherited = {
        "SHOP_DSN": production,
        "MY_STORE": "host=prod dbname=shop user=u password=secret",
        "ConnectionStrings__Default": "Host=prod;Database=shop;Username=u;Password=secret",
        "SPRING_DATASOURCE_URL": "jdbc:postgresql://prod/shop",
        "READER_JDBC": "jdbc:postgresql://prod/shop?user=u&password=secret",
        "SPRING_R2DBC_URL": "r2dbc:postgresql://prod/shop",
        "TYPEORM_HOST": "prod",
        "RDS_HOSTNAME": "prod:5432",
        "GOOSE_DBSTRING": production,
        "FLYWAY_URL": "jdbc:postgresql://prod/shop",
        "FLYWAY_LOCATIONS": "filesystem:sql",
        "GOOSE_MIGRATION_DIR": "db",
        "DB_CONNECTION": "pgsql",
        "PGSERVICE": "prod",
        "PGHOSTADDR": "10.0.0.1",
        "PGSERVICEFILE": "/home/me/services",
        "AWS_PROFILE": "prod",
        "KUBECONFIG": "/home/me/.kube/config",
        "HOME": "/home/me",
    }
    env = build_environment(server, inherited)
    assert not [name for name, value in env.items() if "prod" in value or "secret" in value or "10.0.0.1" in value]
    assert env["SHOP_DSN"] == "postgresql+asyncpg://app:p@127.0.0.1:5999/app?sslmode=disable"
    assert env["MY_STORE"] == "host=127.0.0.1 port=5999 dbname=app user=app password=p"
    assert env["ConnectionStrings__Default"] == "Host=127.0.0.1;Port=5999;Database=app;Username=app;Password=p"
    assert env["READER_JDBC"] == "jdbc:postgresql://127.0.0.1:5999/app?user=app&password=p"
    assert env["SPRING_R2DBC_URL"] == "r2dbc:postgresql://app:p@127.0.0.1:5999/app?sslmode=disable"
    assert (env["TYPEORM_HOST"], env["RDS_HOSTNAME"]) == ("127.0.0.1", "127.0.0.1:5999")
    kept = ("FLYWAY_LOCATIONS", "GOOSE_MIGRATION_DIR", "DB_CONNECTION", "HOME")
    assert {name: env[name] for name in kept} == {name: inherited[name] for name in kept}
    assert not env.keys() & {"PGSERVICE", "PGHOSTADDR", "AWS_PROFILE", "KUBECONFIG"}
    assert env["PGSERVICEFILE"].startswith("/f/")


def test_commands_reach_no_other_address_and_nothing_of_them_is_left(
    ksu: Invoke, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as production:
        port = production.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 20).close()"
        write({"up.py": f"import subprocess\nsubprocess.Popen(['sleep', '987'], stdout=-3, stderr=-3)\n{connect}"})
        command = f"psql -q -c 'CREATE TABLE t ()' && {sys.executable} up.py"
        open_to_all = ksu("rehearse", "--quick", "--command", command, "--no-isolate")
        assert "migration: exit status 0" in open_to_all.out
        assert "they could reach other databases, too" in open_to_all.out
        production.accept()[0].close()
        alone = ksu("rehearse", "--quick", "--command", command)
        if "they could reach" in alone.out:
            pytest.skip("this machine makes no network namespaces")
        assert "Connection refused" in alone.out
        assert "hint: it had no network but the rehearsal's database" in alone.out
        production.settimeout(0)
        with pytest.raises(BlockingIOError):
            production.accept()
    assert not [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "987"]]
    monkeypatch.setattr("ks_universal.rehearsal.isolated.__file__", "/dev/null/none.py")
    assert "error[rehearsal/isolation]" in ksu("rehearse", "--command", "true", "--isolate").err
