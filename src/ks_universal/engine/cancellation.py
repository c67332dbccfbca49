"""Cleaning up that a cancellation does not cut short, and waiting for a lock no longer than asked."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from ks_universal.errors import LockedError

_T = TypeVar("_T")


async def run_to_completion(work: Coroutine[Any, Any, _T]) -> _T:
    """Do the work to its end, however often the caller is cancelled meanwhile; the cancellation goes on after it."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    result = task.result()
    if cancelled:
        raise asyncio.CancelledError
    return result


@asynccontextmanager
async def acquire_within(
    lock: AbstractAsyncContextManager[None], release: str, *, wait_s: float | None
) -> AsyncIterator[None]:
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
