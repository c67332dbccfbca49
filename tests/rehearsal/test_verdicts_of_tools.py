"""Migrations of tools that write SQL themselves, each run for real: a Node tool of npm, and Django."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ks_universal.rehearsal.catalog import take_snapshot
from ks_universal.rehearsal.command import read_command
from ks_universal.rehearsal.observed_run import run_observed
from support.rehearsal_rig import PSQL, Rig, open_rig

PACKAGES = ("node-pg-migrate@8.0.4", "pg@8.23.1")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ks-universal-tests" / PACKAGES[0]
CASES = yaml.safe_load((Path(__file__).parent / "migrations_of_tools.yaml").read_text())
ROWS = "INSERT INTO shop_order (total, note) SELECT i, 'note' FROM generate_series(1, 5000) i"
TABLE = "CREATE TABLE shop_order (id bigserial PRIMARY KEY, total int, note text)"
DJANGO = (
    f"env -u PYTHONDONTWRITEBYTECODE {sys.executable} -m django migrate --settings settings --pythonpath . -v 0 shop"
)
SETTINGS = """
import os
SECRET_KEY, INSTALLED_APPS, DEFAULT_AUTO_FIELD = 'x', ['shop'], 'django.db.models.BigAutoField'
DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', **{
    name: os.environ['DB_' + name] for name in ('NAME', 'HOST', 'PORT', 'USER', 'PASSWORD')}}}
"""
HEAD = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
class Migration(migrations.Migration):
    """


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_rig(tmp_path_factory.mktemp("tree")) as rig:
        yield rig


@pytest.fixture(scope="module")
def node(rig: Rig) -> str:
    """Install the tool, once for all runs of the tests; gives its command, on the base that it migrates."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm on this machine")
    program = CACHE / "node_modules" / ".bin" / "node-pg-migrate"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        words = (npm, "install", "--silent", "--prefix", str(CACHE), *PACKAGES)
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"npm cannot install {PACKAGES[0]}: {done.stderr[-300:]}")
    rig.make_base(f'{PSQL} -c "{TABLE}" -c "{ROWS}"')
    return f"{program} up"


@pytest.fixture(scope="module")
def django(rig: Rig) -> str:
    """Write a project with its first migration; gives its command, on the base that it migrates."""
    tree = rig.bench.tree
    (tree / "shop" / "migrations").mkdir(parents=True)
    for folder in (tree / "shop", tree / "shop" / "migrations"):
        (folder / "__init__.py").write_text("")
    (tree / "settings.py").write_text(SETTINGS)
    fields = "[('id', models.BigAutoField(primary_key=True)), ('total', models.IntegerField()),"
    fields += " ('note', models.TextField(null=True))]"
    model = f"operations = [migrations.CreateModel('Order', {fields}), migrations.RunSQL({ROWS!r})]"
    (tree / "shop" / "migrations" / "0001_initial.py").write_text(HEAD + model)
    rig.make_base(f"{DJANGO} 0001")
    return DJANGO


@pytest.mark.parametrize("name", CASES["node-pg-migrate"])
def test_verdicts_of_a_node_tool(name: str, rig: Rig, node: str) -> None:
    folder = rig.bench.tree / "migrations"
    folder.mkdir(exist_ok=True)
    (folder / "1700000000000_change.js").write_text(CASES["node-pg-migrate"][name]["code"])
    _judge(rig, node, CASES["node-pg-migrate"][name])


@pytest.mark.parametrize("name", CASES["django"])
def test_verdicts_of_django(name: str, rig: Rig, django: str) -> None:
    code = f"dependencies = [('shop', '0001_initial')]\n    {CASES['django'][name]['code']}\n"
    (rig.bench.tree / "shop" / "migrations" / "0002_change.py").write_text(HEAD + code)
    shutil.rmtree(rig.bench.tree / "shop" / "migrations" / "__pycache__", ignore_errors=True)
    _judge(rig, django, CASES["django"][name])


def _judge(rig: Rig, command: str, case: dict[str, list[str]]) -> None:
    rig.run(rig.bench.restore_base())
    before = rig.run(take_snapshot(rig.bench.server))
    observed = rig.run(run_observed(rig.bench, read_command(command), before))
    said = {verdict.code for verdict in observed.verdicts}
    shown = "\n".join(f"{v.code}: {v.message}" for v in observed.verdicts) + observed.result.output
    assert said.issuperset(case["must"]), shown
    assert not said.intersection(case["must-not"]), shown
