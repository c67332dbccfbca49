"""`ks-universal down`: stops what `up` left running on this machine."""

import click

from ks_universal.cli.show.console import say


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """Stop the release NAME, which 'ks-universal up' runs from this folder; its data stays."""
    import asyncio

    from ks_universal import down
    from ks_universal.cli.show.event_view import TextView

    view = TextView()
    try:
        ran = asyncio.run(down(name, view))
    except KeyboardInterrupt:
        raise click.Abort from None
    finally:
        view.close()
    say(f"{name} is stopped" if ran else f"nothing of {name} runs from this folder")
