"""Work that a cancellation does not cut short."""

import asyncio

import pytest

from ks_universal.engine.cancellation import run_to_completion


def test_the_work_is_done_to_its_end_and_the_cancellation_goes_on_after_it() -> None:
    async def main() -> list[str]:
        done: list[str] = []
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            begun.set()
            await go_on.wait()
            done.append("cleaned up")

        task = asyncio.create_task(run_to_completion(work()))
        await begun.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return done

    assert asyncio.run(main()) == ["cleaned up"]


def test_without_a_cancellation_it_gives_the_result() -> None:
    async def work() -> int:
        return 7

    assert asyncio.run(run_to_completion(work())) == 7
