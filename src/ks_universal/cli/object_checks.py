"""The options that check objects against a cluster that nobody asks: `--kube-version`."""

import functools
from collections.abc import Callable
from typing import Any

import click

from ks_universal.api import check_for_version
from ks_universal.diagnostics import Problem
from ks_universal.resources.objects import Rendered

CheckObjects = Callable[[Rendered], tuple[Problem, ...]]
"""Finds what the chosen cluster would not take of a release's objects."""


def checks_objects(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--kube-version`; it gets what is asked for as the argument `check`."""

    @functools.wraps(function)
    def wrapper(kube_version: str | None, **given: Any) -> Any:
        def check(rendered: Rendered) -> tuple[Problem, ...]:
            return () if kube_version is None else check_for_version(rendered, kube_version)

        return function(check=check, **given)

    version_help = "Report the fields that this version of Kubernetes does not know yet."
    return click.option("--kube-version", metavar="VERSION", help=version_help)(wrapper)
