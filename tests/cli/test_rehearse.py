"""`ks-universal rehearse` against the real embedded PostgreSQL, with psql and the shop's Alembic."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from support.shell import Invoke, Write

SHOP = Path(__file__).parents[2] / "examples" / "shop"
BASE = """
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric, note text DEFAULT 'none');
INSERT INTO orders SELECT i, i, 'note ' || i FROM generate_series(1, 300) i;
"""
PSQL = "psql -q -v ON_ERROR_STOP=1"


@pytest.fixture(autouse=True)
def programs_of_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def test_the_migrations_of_a_release_are_rehearsed_with_the_versions_before(
    ksu: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(SHOP, folder, dirs_exist_ok=True)
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere.example/production")
    files = ("-f", "values.yaml", "-f", "values.v2.yaml", "-f", "values.local.yaml")
    base = ("--base", "cd app && alembic upgrade data_1")
    done = ksu("rehearse", "shop", *files, *base, "-o", "json", "--fail-on", "fails")
    assert done.status == 1, done.err
    report = json.loads(done.out)
    (verdict,) = [each for each in report["verdicts"] if each["code"] == "fails"]
    assert verdict["severity"] == "error"
    assert 'column "sku" of relation "products" contains null values' in verdict["message"]
    assert verdict["facts"]["sqlstate"] == "23502"
    assert report["rows"]["public.products"] > 0
    assert any("ADD COLUMN sku" in statement["text"] for statement in report["statements"])
    assert not (folder / "app" / "__pycache__").exists()  # it works in a copy
    assert ksu("rehearse", "shop", *files, "--deployment", "shpo").err.count("did you mean shop?") == 1


def test_the_way_back_the_second_run_and_the_queries_of_the_version_before(ksu: Invoke, write: Write) -> None:
    write(
        {
            "base.sql": BASE,
            # The tool's own record is not there before, and stays: that is no inexact way back.
            "up.sql": """CREATE TABLE IF NOT EXISTS "SequelizeMeta" (name text PRIMARY KEY);
            ALTER TABLE orders ADD COLUMN IF NOT EXISTS cents bigint;""",
            "exact.sql": "ALTER TABLE orders DROP COLUMN cents;",
            "drop.sql": "ALTER TABLE orders DROP COLUMN IF EXISTS note;",
            "inexact.sql": "ALTER TABLE orders ADD COLUMN note text;",
            "old.sql": "SELECT note FROM orders LIMIT 1;",
        }
    )
    compat = ("--compat-command", f"{PSQL} -f old.sql", "--base", "base.sql", "-o", "json")
    good = ksu(
        "rehearse", "--quick", "--command", f"{PSQL} -f up.sql", "--rollback-command", f"{PSQL} -f exact.sql", *compat
    )
    assert good.status == 0, good.err
    said = {verdict["code"] for verdict in json.loads(good.out)["verdicts"]}
    assert said <= {"exclusive-without-lock-timeout"}, said
    bad = ksu(
        "rehearse",
        "--quick",
        "--command",
        f"{PSQL} -f drop.sql",
        "--rollback-command",
        f"{PSQL} -f inexact.sql",
        *compat,
    )
    said = {verdict["code"] for verdict in json.loads(bad.out)["verdicts"]}
    assert said >= {"loses-data", "rollback-inexact", "breaks-old-version"}, said
    assert "not-repeatable" not in said
    assert [run["name"] for run in json.loads(bad.out)["runs"]] == [
        *("migration", "second run", "rollback", "old version"),
    ]  # fmt: skip


def test_what_does_too_much_the_second_time_is_said(ksu: Invoke, write: Write) -> None:
    up, down = "UPDATE orders SET total = total + 1;", "UPDATE orders SET total = total - 1;"
    write({"base.sql": BASE, "up.sql": up, "down.sql": down})
    back = ("--rollback-command", f"{PSQL} -f down.sql")
    done = ksu("rehearse", "--quick", "--command", f"{PSQL} -f up.sql", *back, "--base", "base.sql", "-o", "markdown")
    assert done.status == 0, done.err
    assert "rollback-inexact" not in done.out  # it is the way back from one run, not from two
    assert (
        "| `not-repeatable` | public.orders | run a second time it changes the data of public.orders again" in done.out
    )
    assert "| `locks-rows` | public.orders |" in done.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--command", "echo I use what I know"), "rehearsal/not-connected]: echo I use what I know never connected"),
        (("--command", "true", "--base", "echo broken; exit 3"), "rehearsal/base]: the state before could not be made"),
        (("--command", "psql -c 'SELECT 1'", "--compat-command", "exit 4"), "rehearsal/compat]"),
        (("--command", "true", "--fail-on", "blocks-read"), "no such verdict: blocks-read; did you mean blocks-reads?"),
        (("shop", "--command", "true"), "not both"),
        ((), "What is to be rehearsed?"),
        (("shop", "-f", "values.yaml"), "rehearsal/no-migrations]: the release has no migrations"),
    ],
)
def test_what_cannot_be_rehearsed_is_said(options: tuple[str, ...], said: str, ksu: Invoke, write: Write) -> None:
    write({"values.yaml": "deployments: {shop: {containers: {main: {image: a, imageTag: v1}}}}"})
    done = ksu("rehearse", *options)
    assert done.status != 0
    assert said in done.err


def test_a_server_that_is_gone_in_the_middle_is_a_finding(ksu: Invoke, write: Write) -> None:
    write({"base.sql": BASE})
    ends_it = 'psql -q -c "SELECT 1"; kill -QUIT $(head -n 1 ../data/postmaster.pid); sleep 1'
    done = ksu("rehearse", "--quick", "--command", ends_it, "--base", "base.sql")
    assert done.status == 1
    assert "error[rehearsal/postgres]: the PostgreSQL of the rehearsal has failed: " in done.err


def test_without_the_embedded_postgresql_it_is_said_how_to_install_it(
    ksu: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ks_universal.rehearsal.server.find_version", lambda: None)
    done = ksu("rehearse", "--command", "true")
    assert "error[local/postgres-missing]: a rehearsal needs the embedded PostgreSQL" in done.err


def test_the_secrets_of_a_release_are_in_no_report(ksu: Invoke, write: Write) -> None:
    token, names = "tok-5f2a9c77e1b04d", ("text", "json", "markdown", "html")
    values = f"""
configs: {{shop-api: {{type: secret, data: {{API_TOKEN: {token}}}}}}}
deployments:
  shop:
    migrations: {{enabled: true, command: [sh, -c, '%s']}}
    containers: {{main: {{image: shop, imageTag: v1, envFrom: [{{type: secret, configName: shop-api}}]}}}}
"""
    insert = 'echo "with $API_TOKEN"; psql -q -c "CREATE TABLE t AS SELECT \'$API_TOKEN\'::text"'
    write({"values.yaml": values % insert.replace("'", "''"), "broken.yaml": values % 'echo "no $API_TOKEN"'})
    for output in names:
        done = ksu("rehearse", "shop", "-f", "values.yaml", "--quick", "-o", output)
        assert done.status == 0, done.err
        assert token not in done.out + done.err
        assert "***" in done.out
        assert "image shop:v1 is not in `local.images`" in done.err
        if output == "json":
            report = json.loads(done.out)
            assert report.keys() >= {"verdicts", "statements", "locks", "schema", "runs", "growth", "server"}
            assert "where `up` runs a container" in report["runs"][0]["notes"][0]
    failed = ksu("rehearse", "shop", "-f", "broken.yaml", "--quick")
    assert "it said: no ***" in failed.err


def test_a_new_column_is_no_change_of_data(ksu: Invoke, write: Write) -> None:
    write({"base.sql": BASE, "up.sql": "ALTER TABLE orders ADD COLUMN IF NOT EXISTS cents bigint DEFAULT 1;"})
    done = ksu("rehearse", "--quick", "--command", f"{PSQL} -f up.sql", "--base", "base.sql", "-o", "json")
    report = json.loads(done.out)
    assert [run["data_changes"] for run in report["runs"]] == [[], []]
    (added,) = [each for each in report["statements"] if each["text"].startswith("ALTER")]
    assert 0 < added["overhead_ms"] < added["duration_ms"]  # what the triggers took


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_rehearsal_that_is_ended(
    number: signal.Signals, folder: Path, write: Write, tmp_path: Path
) -> None:
    write({"base.sql": BASE})
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    words = ("-m", "ks_universal", "rehearse", "--command", "psql -c 'SELECT pg_sleep(600)'", "--base", "base.sql")
    env = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, *words], cwd=folder, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        while "observed" not in said:
            said += process.stderr.readline()
            assert process.poll() is None, said + process.stderr.read()
        assert list(temporary.glob("ks-universal-rehearsal-*"))
        process.send_signal(number)
        assert process.wait(60) == (130 if number is signal.SIGINT else -signal.SIGKILL)
    deadline = time.monotonic() + 60
    while list(temporary.glob("ks-universal-*")) or _list_postgres(temporary):
        assert time.monotonic() < deadline, list(temporary.iterdir())
        time.sleep(0.1)


def _list_postgres(folder: Path) -> list[int]:
    return [
        each.pid for each in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(each.info["cmdline"] or ())
    ]
