"""`ks-universal down`: stops what `up` left running on this machine."""

from typing import TYPE_CHECKING

import click

from ks_universal.cli.show.console import say

if TYPE_CHECKING:
    from ks_universal.cli.show.event_view import View


@click.command()
@click.argument("name")
@click.option("--fresh", is_flag=True, help="Remove its data and its record, too: what PostgreSQL and claims hold.")
@click.option("--yes", is_flag=True, help="Don't ask; without a terminal nothing is asked in any case.")
def command(name: str, *, fresh: bool, yes: bool) -> None:
    """Stop the release NAME, which 'ks-universal up' runs from this folder; its data stays without --fresh."""
    import asyncio

    from ks_universal.cli.show.event_view import TextView

    view = TextView()
    try:
        ran = asyncio.run(_stop(name, view, fresh=fresh, ask=not yes))
    except KeyboardInterrupt:
        raise click.Abort from None
    finally:
        view.close()
    say(f"{name} is stopped" if ran else f"nothing of {name} runs from this folder")


async def _stop(name: str, view: "View", *, fresh: bool, ask: bool) -> bool:
    from ks_universal import down, list_local_data
    from ks_universal.cli.confirmation import confirm

    data = await list_local_data(name) if fresh else ()
    if data:
        say(f"{name}: this removes for good: {', '.join(data)}")
        if ask:
            await confirm(view)
    ran = await down(name, view, fresh=fresh)
    if data:
        say(f"{name}: its data and its record are removed")
    return ran
