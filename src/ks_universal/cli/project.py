"""The project file `ksu.yaml` of the current folder: what the options are that nobody gives."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ks_universal import Project

FILE = "ksu.yaml"
_CHOSEN = "ks_universal.project"
"""Of the context: the project of this folder, and the environment that was asked for."""
_CHANGING = frozenset(("deploy", "migrate", "plan", "rollback", "uninstall", "unlock"))
"""Commands that are not to meet another environment's cluster by the current context."""


def _choose(ctx: click.Context, _: click.Parameter, environment: str | None) -> None:
    """Read the project before the other options, whose defaults it gives."""
    if not Path(FILE).is_file():
        if environment is not None and not ctx.resilient_parsing:
            raise click.UsageError(f"There is no {FILE} in this folder that says what '{environment}' is.", ctx)
        return
    from ks_universal import InputError, read_project

    try:
        project = read_project(FILE)
        found = project.find_environment(environment)
    except InputError:
        if ctx.resilient_parsing:
            return
        raise
    ctx.meta[_CHOSEN] = project, environment
    named = {"name": found.release, "namespace": found.namespace, "context": found.context}
    if environment is None and ctx.info_name == "rehearse":  # its NAME is one of two things to rehearse
        del named["name"]
    ctx.default_map = {key: value for key, value in named.items() if value is not None}


OPTION = click.Option(
    ["-e", "--environment"],
    metavar="NAME",
    is_eager=True,
    expose_value=False,
    envvar="KSU_ENVIRONMENT",
    show_envvar=True,
    callback=_choose,
    help=f"An environment of the project file {FILE}: its release, namespace, context and values.",
)


def add_option(name: str, command: click.Command) -> None:
    """Give `-e` to a command that is for a release, or reads values; once."""
    takes_name = any(isinstance(each, click.Argument) and each.name == "name" for each in command.params)
    if OPTION not in command.params and (takes_name or name in ("list", "validate")):
        command.params.append(OPTION)


def lay_over(files: tuple[str, ...]) -> tuple[str, ...]:
    """Give the values files to read: the environment's before the given ones, the project's where none are given."""
    project, environment = _find_chosen()
    if project is None or (files and environment is None):
        return files
    return (*project.find_environment(environment).values, *files)


def check_context(context: str | None, kubeconfig: str | None) -> None:
    """Raise InputError where the cluster is that of another environment than the chosen one."""
    project, environment = _find_chosen()
    if project is None:
        return
    if context is None and click.get_current_context().info_name in _CHANGING:
        from ks_universal import find_context

        context = find_context(kubeconfig)
    project.check_context(environment, context)


def _find_chosen() -> "tuple[Project | None, str | None]":
    ctx = click.get_current_context(silent=True)
    return (None, None) if ctx is None else ctx.meta.get(_CHOSEN, (None, None))
