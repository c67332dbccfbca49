"""Options that several commands take, those that check objects without a cluster included."""

import functools
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from ks_universal import (
    OVERRIDE_FLAGS,
    InputError,
    Override,
    Problem,
    Rendered,
    Values,
    check_for_run,
    check_for_version,
    check_pod_security,
    has_errors,
    leave_to_server,
    list_value_files,
    load,
)
from ks_universal.cli.environment import FileName
from ks_universal.cli.project import lay_over

_HELP = {
    "--set": "Set a value: a.b[0].c=1,d=text (Helm's syntax).",
    "--set-string": "Set a value that is always text.",
    "--set-json": "Set a value to JSON: a.b='[1, 2]'.",
    "--set-file": "Set a value to the text of a file: a.b=path.",
    "--set-literal": "Set a value to the text as it is, commas and all.",
}
_METAVARS = {flag: "KEY=FILE" if flag == "--set-file" else "KEY=VALUE" for flag in _HELP}


class Source(msgspec.Struct, frozen=True):
    """Where values come from: files and overrides of the command line."""

    files: tuple[str, ...]
    overrides: tuple[Override, ...]

    def load(
        self, release: str | None = None, namespace: str = "", *, keep_tree: bool = False, now_s: int | None = None
    ) -> Values:
        """Read and check the values; expressions read the name, the namespace and the time. See `load`."""
        read = partial(load, self.files, self.overrides, stdin=read_stdin, namespace=namespace, now_s=now_s)
        return read(keep_tree=keep_tree) if release is None else read(keep_tree=keep_tree, release=release)

    def load_valid(self, release: str, namespace: str, now_s: int | None = None) -> Values:
        """Read what is to run before a cluster is asked for anything. Raises InputError with all findings on errors."""
        values = self.load(release, namespace, now_s=now_s)
        if has_errors(values.problems):
            raise InputError(values.problems)
        if problems := check_for_run(values):
            raise InputError(problems)
        return leave_to_server(values)

    @property
    def directory(self) -> Path:
        """Where the relative paths of `local` start: the folder of the first values file."""
        first = next(iter(self.files), "-")
        return Path() if first == "-" else Path(first).parent

    def list_files(self) -> tuple[str, ...]:
        """List the files that `load` reads, those of `--set-file` included."""
        return list_value_files(self.files, self.overrides)

    def list_arguments(self) -> tuple[str, ...]:
        """Give the options that name this source again."""
        files = (word for file in self.files for word in ("-f", file))
        return (*files, *(f"{override.flag}={override.text}" for override in self.overrides))


def read_stdin() -> str:
    """Give the text of standard input. Raises ValueError where there is none."""
    if sys.stdin is None:
        raise ValueError("there is no standard input")
    return sys.stdin.buffer.read().decode()


def takes_values(function: Callable[..., Any], *, required: bool = True) -> Callable[..., Any]:
    """Give a command `-f` and `--set` with its kin; it gets them as `source`: None where none is required or given."""

    @functools.wraps(function)
    def wrapper(files: tuple[str, ...], **given: Any) -> Any:
        files = lay_over(files)
        overrides = [Override(flag, text) for flag in OVERRIDE_FLAGS for text in given.pop(_parameter(flag))]
        source = Source(files, tuple(overrides)) if files or overrides else None
        if source is None and required:
            raise click.UsageError("There are no values. Give a file: -f values.yaml")
        return function(source=source, **given)

    options = [
        click.option(flag, _parameter(flag), multiple=True, metavar=_METAVARS[flag], help=_HELP[flag]) for flag in _HELP
    ]
    file = click.option(
        "-f",
        "--values",
        "files",
        multiple=True,
        type=FileName(),
        metavar="FILE",
        help="A values file, or - for standard input; can be repeated, later ones win.",
    )
    return functools.reduce(lambda command, option: option(command), reversed([file, *options]), wrapper)


def _parameter(flag: str) -> str:
    return "given_" + flag.removeprefix("--").replace("-", "_")


CheckObjects = Callable[[Values, Rendered], tuple[Problem, ...]]
"""Finds what the chosen cluster would not take of a release's objects; the values are loaded with their tree."""

_POLICIES = ["baseline", "restricted"]


def checks_objects(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--kube-version` and `--policy`; it gets what is asked for as `check`, None for nothing."""

    @functools.wraps(function)
    def wrapper(kube_version: str | None, policy: str | None, **given: Any) -> Any:
        def check(values: Values, rendered: Rendered) -> tuple[Problem, ...]:
            unknown = () if kube_version is None else check_for_version(values, rendered, kube_version)
            return (*unknown, *(() if policy is None else check_pod_security(values, rendered, policy)))

        return function(check=None if kube_version is None and policy is None else check, **given)

    version_help = "Report the fields that this version of Kubernetes does not know yet."
    policy_help = "Report what a namespace that enforces this policy of the Pod Security Standards would refuse."
    wrapper = click.option("--policy", type=click.Choice(_POLICIES), help=policy_help)(wrapper)
    return click.option("--kube-version", metavar="VERSION", help=version_help)(wrapper)
