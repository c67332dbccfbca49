"""Waiting for a lock no longer than somebody has patience."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from ks_universal.errors import LockedError


@asynccontextmanager
async def hold(lock: AbstractAsyncContextManager[None], release: str, *, wait_s: float | None) -> AsyncIterator[None]:
    """Hold a lock; what happens inside may take as long as it wants.

    Raises LockedError where it was not free within `wait_s` seconds (None: waits for good).
    """
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(wait_s):
                await stack.enter_async_context(lock)
        except TimeoutError:
            raise LockedError(release, f"another run, for longer than the {wait_s:g} s to wait") from None
        yield
