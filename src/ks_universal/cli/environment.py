"""Options that come from the environment: `KSU_NAMESPACE` for `--namespace`."""

import os

import click

COMPLETION = "_KS_UNIVERSAL_COMPLETE"
"""The variable by which a shell asks for completions, by whichever name it calls the program."""
_PREFIX = "KSU_"
_OPTIONS = frozenset(
    (
        "--context", "--engine", "--flavor", "--history-max", "--kube-version", "--log-file", "--namespace", "--policy",
        "--values", "--webhook", "--yes",
    )
)  # fmt: skip
"""Those that say where and how, and mean the same in each command; what is to be done is said on the command line."""


class FileName(click.ParamType[str]):
    """The name of a file, or `-`; in a variable several are separated as in PATH."""

    name = "file"
    envvar_list_splitter = os.pathsep


def read_environment(command: click.Command) -> click.Command:
    """Have the options of a command read their variables."""
    for option in command.params:
        if isinstance(option, click.Option):
            name = next((name for name in option.opts if name in _OPTIONS), None)
            if name is not None:
                option.envvar = _PREFIX + name.removeprefix("--").replace("-", "_").upper()
                option.show_envvar = True
    return command
