"""The processes that a killed run left behind are stopped when the next one begins."""

import asyncio
from pathlib import Path

from ks_universal.targets.local.process_table import group_is_ours, read_entry
from ks_universal.targets.local.processes import stop_group

_GRACE_S = 10.0


async def stop_leftovers(entries: Path) -> None:
    """Stop every process group that has an entry in the folder, together; returns when none is left."""
    await asyncio.gather(*(_stop(file) for file in entries.iterdir()))


async def _stop(file: Path) -> None:
    entry = read_entry(file)
    if entry is not None and group_is_ours(entry, file):
        await stop_group(entry.pid, _GRACE_S)
    file.unlink()
