"""The options that check objects against a cluster that nobody asks: `--kube-version`, `--policy`."""

import functools
from collections.abc import Callable
from typing import Any

import click

from ks_universal.api.values import Values, check_for_version, check_pod_security
from ks_universal.diagnostics import Problem
from ks_universal.resources.objects import Rendered

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
