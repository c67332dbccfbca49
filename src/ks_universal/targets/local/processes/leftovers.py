"""The processes that a killed run left behind are stopped when the next one begins."""

import asyncio
import logging
from pathlib import Path

from ks_universal.targets.local.processes.processes import stop_family, stop_started

_log = logging.getLogger(__name__)

_GRACE_S = 10.0


async def stop_leftovers(entries: Path) -> None:
    """Stop all that was started with an entry in the folder, together; returns when none is left."""
    await asyncio.gather(*(_stop(file) for file in entries.iterdir()))
    await stop_family(None, _GRACE_S, entries)  # whose entries are gone


async def _stop(file: Path) -> None:
    _log.info("stopping what an earlier run has left, if it still runs: %s", file.name)
    await stop_started(file, _GRACE_S)
    file.unlink()
