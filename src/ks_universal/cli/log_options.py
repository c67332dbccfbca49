"""`-v`, `-vv` and `--log-file`, which every command takes. Nothing is imported for them until one is given."""

import click


def _show_log(ctx: click.Context, _: click.Parameter, count: int) -> None:
    if count:
        from ks_universal.cli.log_handlers import show_log

        ctx.with_resource(show_log(with_requests=count > 1))


def _write_log(ctx: click.Context, _: click.Parameter, file: str | None) -> None:
    if file is not None:
        from ks_universal.cli.log_handlers import write_log

        ctx.with_resource(write_log(file, ctx.info_name or ""))


OPTIONS = (
    click.Option(
        ["-v", "--verbose"],
        count=True,
        expose_value=False,
        callback=_show_log,
        help="Log decisions and retries to standard error; -vv also requests and watches.",
    ),
    click.Option(
        ["--log-file"],
        metavar="FILE",
        expose_value=False,
        callback=_write_log,
        help="Append everything that -vv shows to FILE, with times.",
    ),
)


def add_options(command: click.Command) -> click.Command:
    """Give a command the options, once."""
    if OPTIONS[0] not in command.params:
        command.params += OPTIONS
    return command
