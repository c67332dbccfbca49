"""The commands, and what becomes of their errors."""

from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword

import click

from ks_universal import InputError, KsUniversalError, Problem, __version__
from ks_universal.cli import INTERRUPTED
from ks_universal.cli.log_options import add_options
from ks_universal.cli.show.console import show_problems

COMMANDS = (
    "controller",
    "convert",
    "deploy",
    "down",
    "explain",
    "history",
    "import",
    "init",
    "logs",
    "migrate",
    "plan",
    "rbac",
    "rehearse",
    "rollback",
    "schema",
    "status",
    "template",
    "uninstall",
    "unlock",
    "up",
    "validate",
)


class _LazyGroup(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - see above
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"ks_universal.cli.commands.{module}").command
        return add_options(command)


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
        return _show(error)
    except (MemoryError, RecursionError) as error:
        return _show(InputError([_too_large(error)]))
    return status if isinstance(status, int) else 0


def _too_large(error: MemoryError | RecursionError) -> Problem:
    what = "nests deeper" if isinstance(error, RecursionError) else "takes more memory"
    return Problem("request/too-large", f"what was given {what} than this program can follow")


def _show(error: KsUniversalError) -> int:
    show_problems(error.problems)
    return error.exit_status
