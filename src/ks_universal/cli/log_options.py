"""`-v`, `-vv` and `--log-file`, which every command takes. Nothing is imported for them until one is given."""

import click

_GIVEN = "ks_universal.log_options"


def list_given() -> list[str]:
    """List the options that the running command was given, for a command that is to log as it does."""
    ctx = click.get_current_context(silent=True)
    return [] if ctx is None else list(ctx.meta.get(_GIVEN, ()))


def _show_log(ctx: click.Context, _: click.Parameter, count: int) -> None:
    if count:
        ctx.meta.setdefault(_GIVEN, []).append("-" + "v" * count)
        from ks_universal.cli.log_handlers import show_log

        ctx.with_resource(show_log(with_requests=count > 1))


def _write_log(ctx: click.Context, _: click.Parameter, file: str | None) -> None:
    if file is not None:
        ctx.meta.setdefault(_GIVEN, []).append(f"--log-file={file}")
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
