"""Options of the commands that change a release."""

import functools
from collections.abc import Callable
from typing import Any

import click

from ks_universal.cli.cluster import Duration


def takes_run(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--yes`, `--timeout`, `--wait-lock`, `--no-wait-lock` and `--take-ownership`."""
    options = (
        click.option("--yes", is_flag=True, help="Don't ask; without a terminal nothing is asked in any case."),
        click.option(
            "--timeout",
            "timeout_s",
            type=Duration(),
            help="Stop when it has not ended in this time: 300 (seconds), 90s, 10m.",
        ),
        click.option(
            "--wait-lock",
            "lock_wait_s",
            type=Duration(),
            help="How long to wait while another run works on the release; without it as long as that takes.",
        ),
        click.option(
            "--no-wait-lock",
            "wait_for_lock",
            flag_value=False,
            default=True,
            type=bool,
            help="Exit 5 at once while another run works on the release.",
        ),
        click.option(
            "--take-ownership", is_flag=True, help="Take objects and fields over that others have made or manage."
        ),
    )
    return functools.reduce(lambda command, option: option(command), reversed(options), function)
