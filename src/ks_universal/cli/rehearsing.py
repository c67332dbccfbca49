"""The options of a rehearsal that say on which server, and on what state, for each command that holds one."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ks_universal.cli.options import Source

if TYPE_CHECKING:
    from ks_universal import Command

_VERSIONS = ("14", "15", "16", "17", "18")
_SERVER = ("version", "programs", "roles", "isolate", "is_superuser")
_OF_VALUES = "values:"
_OPTIONS = (
    click.option(
        "--base",
        metavar="FILE|COMMAND|git:REF|values:FILE",
        help="The state before: an SQL file, a command that makes it, the migrations in the files of a git "
        "reference, or those of an older values file.",
    ),
    click.option(
        "--rollback-command",
        "rollback",
        metavar="COMMAND",
        help="What leads back to the state before (default: 'migrations.rollback' of the values).",
    ),
    click.option(
        "--compat-command",
        "compat",
        metavar="COMMAND",
        help="Queries of the version before: they must work on the new schema, too, while both versions run.",
    ),
    click.option("--seed", metavar="FILE", help="An SQL file with rows, which is run on the state before."),
    click.option(
        "--pg", "version", type=click.Choice(_VERSIONS), help="The version of PostgreSQL (default: the embedded)."
    ),
    click.option(
        "--pg-bin",
        "programs",
        type=click.Path(path_type=Path),
        help="The folder of an installed PostgreSQL's programs.",
    ),
    click.option(
        "--role",
        "roles",
        multiple=True,
        metavar="NAME",
        help="Who migrates, and owns the database (default: app); if repeated, the others are there, too.",
    ),
    click.option(
        "--isolate/--no-isolate",
        default=None,
        help="Give commands a network with nothing in it but the database (default: where the machine allows that).",
    ),
    click.option("--superuser", "is_superuser", is_flag=True, help="Migrate as a superuser."),
    click.option("--rows", type=click.IntRange(min=0), help="How many rows each table gets (default: 20000)."),
    click.option(
        "--prod-rows",
        "production_rows",
        multiple=True,
        metavar="TABLE=N",
        help="How many rows a table has in production, to estimate how long it takes there; can be repeated.",
    ),
    click.option("--quick", is_flag=True, help="Only the observed run, the second run and the way back."),
)


def takes_rehearsal(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a rehearsal.

    It gets `before`, what runs beside the migrations (`base`, `seed`, `rollback`, `compat`), and `how`, what `rehearse`
    takes besides: each only what was given.
    """

    @functools.wraps(function)
    def wrapper(base: str | None, seed: str | None, **given: Any) -> Any:
        before: dict[str, Any] = {"base": base, "seed": seed}
        before |= {name: _read_command(given.pop(name)) for name in ("rollback", "compat")}
        before = {name: value for name, value in before.items() if value is not None}
        server = {name: given.pop(name) for name in _SERVER}
        how = {"rows": given.pop("rows"), "quick": given.pop("quick") or None}
        how["production_rows"] = dict(map(_read_rows, given.pop("production_rows"))) or None
        if server["isolate"] is not None or any(server.values()):  # --no-isolate alone says something, too
            from ks_universal import RehearsalServer

            how["server"] = RehearsalServer(**server)
        how = {name: value for name, value in how.items() if value is not None}
        return function(before=before, how=how, **given)

    return functools.reduce(lambda command, option: option(command), reversed(_OPTIONS), wrapper)


def _read_command(text: str | None) -> "Command | None":
    from ks_universal import read_command

    return None if text is None else read_command(text)


def read_before(before: dict[str, Any], name: str | None, namespace: str, deployment: str | None) -> dict[str, Any]:
    """Give the state before with the migrations of a values file in place of its name. Raises click.UsageError."""
    base = before.get("base", "")
    if not base.startswith(_OF_VALUES):
        return before
    if name is None:
        raise click.UsageError("--base values:FILE is about a release; give its NAME, and -f.")
    from ks_universal import list_rehearsed

    older = Source((base.removeprefix(_OF_VALUES),), ())
    values = older.load_valid(name, namespace)
    commands = list_rehearsed(values, name, namespace, deployment=deployment, directory=older.directory, folder=Path())
    return {**before, "base": msgspec.structs.replace(commands.migrate, shown=f"the migrations of {older.files[0]}")}


def _read_rows(text: str) -> tuple[str, int]:
    """Read `orders=40000000`. Raises click.BadParameter."""
    table, separator, number = text.partition("=")
    digits = number.replace("_", "").replace(",", "")
    if not (separator and table and digits.isascii() and digits.isdigit()):
        raise click.BadParameter(f"{text!r} is not TABLE=N", param_hint="'--prod-rows'")
    return table, int(digits)
