"""The program itself: its commands, its version, its documentation, its public face."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

import ks_universal
from ks_universal.cli.catalog import COMMANDS
from ks_universal.cli.entry import commands
from support.shell import Invoke

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()


def subcommand(name: str) -> click.Command:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    return command


def test_the_version_is_shown(ksu: Invoke) -> None:
    assert ksu("--version") == (0, f"ks-universal, version {ks_universal.__version__}\n", "")


def test_an_unknown_command_is_wrong_usage(ksu: Invoke) -> None:
    assert ksu("tempalte").status == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(ksu: Invoke, name: str) -> None:
    result = ksu(name, "--help")
    assert result.status == 0
    assert result.out.startswith(f"Usage: ks-universal {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    section = DOCUMENTED.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    options = [option for p in subcommand(name).params if isinstance(p, click.Option) for option in p.opts]
    shared = "".join(
        DOCUMENTED.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        for title, sign in (
            ("Values", "--values"),
            ("Clusters", "--kubeconfig"),
            ("Logging", "--log-file"),
            ("The project file", "--environment"),
        )
        if sign in options
    )
    assert section
    assert [option for option in options if f"`{option}" not in section + shared] == []


def test_template_imports_nothing_that_only_up_needs(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("deployments: {a: {containers: {main: {image: a, imageTag: v1}}}}")
    program = (
        "import sys; from ks_universal.cli import run; status = run(sys.argv[1:]); "
        "heavy = {'asyncio', 'rich', 'httpx2', 'watchfiles', 'psycopg', 'logging', 'regex'} & set(sys.modules); "
        "sys.exit(f'{status} {heavy}' if status or heavy else 0)"
    )
    command = [sys.executable, "-c", program, "template", "shop", "-f", str(values)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
