"""The lock of a release on this machine, and who is seen to hold it."""

import asyncio
import os
from pathlib import Path

from ks_universal.targets.local.lock import FileLock, read_holder


def test_a_run_is_no_holder_until_it_is_known_that_it_may_go_on(tmp_path: Path) -> None:
    """`down` ends holders by a signal: one that it has just stopped from waiting says so itself."""
    path = tmp_path / "lock"
    lock = FileLock(path, "shop")
    asyncio.run(lock.acquire(print, wait=False))
    assert read_holder(path) is None
    lock.write_holder()
    holder = read_holder(path)
    assert holder is not None
    assert holder.pid == os.getpid()
    lock.release()
    assert read_holder(path) is None
