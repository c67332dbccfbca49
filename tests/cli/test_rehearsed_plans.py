"""Plans with a rehearsal, and `migrations.policy`: on an API server in memory, once with the real PostgreSQL."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ks_universal import CommandResult, FailOn, RehearsalReport, RehearsalRun, RehearsalVerdict, VerdictSeverity
from ks_universal.plan.rehearsals import RehearsalSummary, VerdictSummary
from ks_universal.rehearsal.verdicts import REHEARSAL_CODES
from support.fake_api_server import FakeApiServer, Program
from support.shell import Invoke, Write

POLICY = "policy: {failOn: [loses-data], requireRehearsal: true}"
VALUES = """
deployments:
  app:
    migrations:
      enabled: true
      command: [sh, -c, '%s']
      POLICY
    containers: {main: {image: app, imageTag: v1}}
""".replace("POLICY", POLICY)
PLAN = ("plan", "shop", "-f", "values.yaml")
DEPLOY = ("deploy", "shop", "-f", "values.yaml")
REHEARSE = ("--rehearse", "--base", "base.sql", "--quick", "--out", "shop.plan")


@pytest.fixture(autouse=True)
def cluster(api_server: FakeApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    api_server.kubelet.run("app-migrations", Program(("migrated",), 0))


@pytest.fixture
def values(write: Write) -> None:
    write({"values.yaml": VALUES % "true", "base.sql": "SELECT 1;"})


def make_verdict(code: str) -> RehearsalVerdict:
    return RehearsalVerdict(
        code=code, severity=VerdictSeverity.ERROR, table="public.orders", message=f"says {code}", advice="expand first"
    )


def have_said(monkeypatch: pytest.MonkeyPatch, *codes: str) -> list[Any]:
    """Have a rehearsal say so; gives the commands of those that are held."""
    held: list[Any] = []
    run = RehearsalRun(name="migration", result=CommandResult(command="true", status=0, duration_s=1.0, output=""))

    async def rehearse(commands: Any, **_: Any) -> RehearsalReport:
        held.append(commands)
        return RehearsalReport(
            verdicts=tuple(map(make_verdict, codes)), statements=(), locks=(), schema=(), runs=(run,), rows={},
            server="PostgreSQL 18.6",
        )  # fmt: skip

    monkeypatch.setattr("ks_universal.rehearse", rehearse, raising=False)
    return held


@pytest.mark.usefixtures("values")
def test_what_must_be_rehearsed_is_deployed_by_a_plan_with_a_rehearsal_only(
    ksu: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    (held := have_said(monkeypatch, "blocks-reads")).clear()
    for command in (DEPLOY, ("migrate", *DEPLOY[1:])):
        refused = ksu(*command)
        assert refused.status == 1
        assert "error[rehearsal/required]: the migrations of app must be rehearsed first" in refused.err
    assert ksu(*PLAN).status == 1
    planned = ksu(*PLAN, *REHEARSE)
    assert planned.status == 0, planned.err
    assert [commands.base for commands in held] == ["base.sql"]
    assert "error[blocks-reads]: says blocks-reads" in planned.out
    assert "hint: expand first" in planned.out
    deployed = ksu(*DEPLOY, "--plan", "shop.plan")
    assert deployed.status == 0, deployed.err
    assert "; rehearsed: 1 error" in ksu("history", "shop").out
    assert "error[blocks-reads]: says blocks-reads" in ksu("history", "shop", "--show", "1").out
    (revision,) = json.loads(ksu("history", "shop", "-o", "json").out)
    assert [each["code"] for each in revision["rehearsal"]["verdicts"]] == ["blocks-reads"]
    again = ksu(*PLAN, *REHEARSE)  # no migration runs: there is nothing to rehearse
    assert (again.status, len(held)) == (0, 1), again.err


@pytest.mark.usefixtures("values")
def test_what_the_policy_forbids_is_planned_and_not_deployed(
    ksu: Invoke, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_said(monkeypatch, "blocks-reads", "loses-data")
    planned = ksu(*PLAN, *REHEARSE, "-o", "json")
    assert planned.status == 1
    assert [each["code"] for each in json.loads(planned.out)["rehearsal"]["verdicts"]] == ["blocks-reads", "loses-data"]
    refused = ksu(*DEPLOY, "--plan", "shop.plan")
    assert refused.status == 1
    assert "error[rehearsal/refused]: the policy of app" in refused.err
    assert "says loses-data" in refused.err
    assert "says blocks-reads" not in refused.err
    plan = json.loads((folder / "shop.plan").read_text())
    plan["rehearsal"]["verdicts"].pop()  # somebody would like it better without
    (folder / "shop.plan").write_text(json.dumps(plan))
    assert "error[plan/moved-on]" in ksu(*DEPLOY, "--plan", "shop.plan").err
    assert ksu("history", "shop").status == 1  # nothing was ever begun


def test_a_real_rehearsal_stands_in_the_plan_and_in_the_record(ksu: Invoke, write: Write, folder: Path) -> None:
    for name in ("deploy", "db"):
        (folder / name).mkdir()
    drop = "psql -q -f drop.sql"
    values = VALUES + "local: {images: {app: {directory: ../db}}}"  # from where the values are, as for `up`
    base = "CREATE TABLE orders (id bigint PRIMARY KEY, note text); ALTER TABLE orders OWNER TO shop_owner;"
    rows = "INSERT INTO orders VALUES (1, 'a');"
    sql = "ALTER TABLE orders DROP COLUMN IF EXISTS note"
    write({"deploy/values.yaml": values % drop, "base.sql": base, "rows.sql": rows, "db/drop.sql": sql})
    plan = (*PLAN[:3], "deploy/values.yaml", *REHEARSE, "--role", "shop_owner", "--seed", "rows.sql")
    first = ksu(*plan)
    assert "loses-data" in first.err
    assert "name shop_owner@127.0.0.1:" in first.err
    assert "the rows of rows.sql" in first.err
    write({"deploy/values.yaml": (values % drop).replace("loses-data", "fails, not-repeatable")})
    make = 'psql -q -c "CREATE TABLE orders AS SELECT 1 AS id, 2 AS note"'
    write({"deploy/older.yaml": (values % make).replace("v1", "v0")})
    before = ("--rehearse", "--base", "values:deploy/older.yaml", "--rollback-command", "psql -qc 'SELECT 1'")
    planned = ksu(*PLAN[:3], "deploy/values.yaml", *before, "--quick", "--out", "shop.plan")
    assert "rollback-inexact" in planned.out
    assert planned.status == 0, planned.err
    assert "the state before: the migrations of deploy/older.yaml" in planned.err
    deployed = ksu(*DEPLOY[:3], "deploy/values.yaml", "--plan", "shop.plan")
    assert deployed.status == 0, deployed.err
    assert "data of public.orders.note is lost" in ksu("history", "shop", "--show", "1").out


def test_a_policy_names_what_verdicts_there_are(ksu: Invoke, write: Write) -> None:
    assert {str(each) for each in FailOn} == {*REHEARSAL_CODES, *map(str, VerdictSeverity)}
    write({"values.yaml": (VALUES % "true").replace("loses-data", "lose-data")})
    said = ksu("validate", "-f", "values.yaml").err
    assert "loses-data" in said
    assert "values.yaml:7:" in said
    for option in (("--base", "base.sql"), ("--compat-command", "true"), ("--pg", "16"), ("--superuser",)):
        assert "add --rehearse" in ksu(*PLAN, *option).err


def test_the_record_keeps_the_gravest_of_very_many_verdicts() -> None:
    verdicts = tuple(
        VerdictSummary(code="blocks-reads", severity="error", table=None, message=str(n), advice="a", statement="b")
        for n in range(100)
    )
    held = RehearsalSummary(held=datetime.now(UTC), server="", runs=(), verdicts=verdicts).shorten()
    assert (len(held.verdicts), held.left_out, held.verdicts[0].statement) == (40, 60, None)
