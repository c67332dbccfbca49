"""A program that runs one migration, to be killed: `local_driver.py FOLDER SCRIPT`; writes an event a line."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from ks_universal.engine.events import Event
from ks_universal.model.format.local import Local
from ks_universal.targets.local import LocalTarget
from support.local_release import migrate, roll_out, session_on, sh


def say(event: Event) -> None:
    sys.stdout.write(f"{event}\n")
    sys.stdout.flush()


async def main(folder: Path, work: str, script: str) -> None:
    state = folder / ".ks-universal" / "shop"
    target = LocalTarget("shop", "ns", Local(), directory=folder, state=state, retry_delay_s=0.01)
    async with target, target.lock(say, wait=True):
        if work == "migrate":
            step = migrate(sh(script), retries=1)
            await session_on(target, step).migrate(step, say)
        else:
            await session_on(target).roll_out(roll_out(sh(script)), say)
        sys.stdout.write("done\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
