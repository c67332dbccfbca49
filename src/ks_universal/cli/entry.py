"""The commands, and what becomes of their errors."""

from collections.abc import Sequence
from importlib import import_module

import click

from ks_universal import __version__
from ks_universal.cli.console import show_problems
from ks_universal.errors import (
    InputError,
    KsUniversalError,
    LockedError,
    MigrationFailed,
    RolloutFailed,
    TargetError,
)

COMMANDS = ("template", "validate")
INTERRUPTED = 130
_STATUS: tuple[tuple[type[KsUniversalError], int], ...] = ((MigrationFailed, 3), (RolloutFailed, 4), (LockedError, 5))


class _LazyGroup(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - see above
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ks_universal.cli.{cmd_name}").command
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ks-universal")
def commands() -> None:
    """Takes an application and its database safely from one version to the next."""


def invoke(arguments: Sequence[str]) -> int:
    """Run a command; what a user or a machine can cause becomes a message and an exit status."""
    try:
        status = commands.main(list(arguments), prog_name="ks-universal", standalone_mode=False)
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KsUniversalError as error:
        _show(error)
        return next((status for kind, status in _STATUS if isinstance(error, kind)), 1)
    return status if isinstance(status, int) else 0


def _show(error: KsUniversalError) -> None:
    match error:
        case InputError():
            show_problems(error.problems)
        case TargetError():
            show_problems([error.problem])
        case MigrationFailed() | RolloutFailed():
            show_problems(error.causes)
        case _:
            click.echo(f"error: {error}", err=True)
