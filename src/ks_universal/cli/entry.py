"""The commands, and what becomes of their errors."""

import os
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING

import click

from ks_universal import InputError, KsUniversalError, Problem, __version__
from ks_universal.cli import INTERRUPTED
from ks_universal.cli.catalog import COMMANDS, MEANT, SECTIONS, format_examples
from ks_universal.cli.environment import COMPLETION, read_environment
from ks_universal.cli.log_options import add_options
from ks_universal.cli.project import add_option as add_project
from ks_universal.cli.show.console import show_problems

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class _LazyGroup(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - see above
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"ks_universal.cli.commands.{module}").command
        command.epilog = format_examples(cmd_name)
        add_project(cmd_name, add_options(command))
        if cmd_name != "controller":  # its pod has no user to set variables
            read_environment(command)
        if COMPLETION not in os.environ:
            return command
        from ks_universal.cli.completing import add_completion

        return add_completion(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of a name that other tools have for it, say which it is here."""
        name = args[0]
        if name in MEANT and not ctx.resilient_parsing:
            raise click.UsageError(f"No such command {name!r}. Did you mean {MEANT[name]!r}?", ctx)
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.NoSuchCommand(name, possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - see above
        for title, summaries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(summaries.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete a command's name without importing them all."""
        from click.shell_completion import CompletionItem

        summaries = [item for section in SECTIONS.values() for item in section.items()]
        found = [CompletionItem(name, help=text) for name, text in summaries if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with 'ks-universal init'. 'ks-universal COMMAND --help' has the options of a command, and examples.",
)
@click.version_option(__version__, prog_name="ks-universal")
def commands() -> None:
    """Take an application and its database safely from one version to the next."""


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
