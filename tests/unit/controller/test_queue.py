"""Which Release is worked on when: bounded, one worker each, and forgotten when it is gone."""

import asyncio
from collections.abc import Callable
from typing import Any

from ks_universal.controller.decisions import Action, Memory
from ks_universal.controller.queue import ReleaseQueue
from ks_universal.controller.releases import Key, key_of
from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.metadata_keys import FINALIZER

Json = dict[str, Any]


def release(name: str, generation: int = 1, **spec: Any) -> Json:
    metadata = {"namespace": "ns", "name": name, "uid": f"uid-{name}", "generation": generation}
    return {"metadata": metadata, "spec": spec}


class Place:
    """Releases, and a queue that works on them; `work` is what becomes of each."""

    def __init__(self, work: Callable[[Action, Json, Memory], Any], concurrency: int = 4) -> None:
        self.bodies: dict[Key, Json] = {}
        self.lines: list[str] = []
        self.queue = ReleaseQueue(self.bodies.get, work, concurrency=concurrency, tell=self.lines.append)

    def put(self, body: Json) -> None:
        self.bodies[key_of(body)] = body
        self.queue.notify(body)

    def drop(self, name: str) -> None:
        self.queue.notify(self.bodies.pop(Key("ns", name)))


def settle(body: Json, memory: Memory) -> None:
    """Leave a release as one is that has succeeded."""
    generation = body["metadata"]["generation"]
    ready = {"type": "Ready", "status": "True"}
    memory.status = {"observedGeneration": generation, "conditions": [ready]}
    memory.generation, memory.check_at = generation, float("inf")


def run(place: Place, act: Callable[[], Any]) -> None:
    async def main() -> None:
        task = asyncio.create_task(place.queue.run(lambda: None))
        try:
            async with asyncio.timeout(60):
                await act()
        finally:
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(main())


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.001)


def test_only_so_many_are_worked_on_at_once_and_each_by_one() -> None:
    running: list[str] = []
    most: list[int] = []
    done: list[str] = []

    async def work(_: Action, body: Json, memory: Memory) -> None:
        name = body["metadata"]["name"]
        assert name not in running
        running.append(name)
        most.append(len(running))
        await asyncio.sleep(0.001)
        running.remove(name)
        settle(body, memory)
        done.append(f"{name} {body['metadata']['generation']}")

    place = Place(work, concurrency=3)

    async def act() -> None:
        for generation in (1, 2):
            for number in range(40):
                place.put(release(f"r{number}", generation))
        await until(lambda: {f"r{number} 2" for number in range(40)} <= set(done))

    run(place, act)
    assert max(most) == 3
    assert len(done) <= 43  # those that had begun with the first generation


def test_what_is_gone_is_forgotten() -> None:
    async def work(_: Action, body: Json, memory: Memory) -> None:
        settle(body, memory)

    place = Place(work)

    async def act() -> None:
        for number in range(200):
            place.put(release(f"r{number}"))
        await until(lambda: len(place.queue._memories) == 200 and not place.queue._workers)
        for number in range(200):
            place.drop(f"r{number}")
        await until(lambda: not place.queue._memories)
        assert not place.queue._due

    run(place, act)


def test_what_fails_unforeseen_is_told_and_tried_again_and_holds_up_no_other() -> None:
    tries: list[str] = []

    async def work(_: Action, body: Json, memory: Memory) -> None:
        name = body["metadata"]["name"]
        tries.append(name)
        if name == "bug":
            raise ZeroDivisionError
        if name == "refused":
            raise TargetError(Problem("kubernetes/forbidden", "no"))
        settle(body, memory)

    place = Place(work, concurrency=1)

    async def act() -> None:
        for name in ("bug", "refused", "fine"):
            place.put(release(name))
        await until(lambda: "fine" in tries)
        await until(lambda: {"bug", "refused"} <= set(tries))
        await asyncio.sleep(0.1)
        before = tries.count("bug")
        assert before < 5
        place.put(release("bug", 2))  # a change is not held up by the pause after a failure
        await until(lambda: tries.count("bug") > before)

    run(place, act)
    assert "ns/bug: an error that nobody has foreseen: ZeroDivisionError; it is tried again" in place.lines
    assert any(line.startswith("ns/refused: error[kubernetes/forbidden]: no") for line in place.lines)


def test_a_deletion_stops_a_run_only_where_the_spec_says_so() -> None:
    told: list[str] = []

    async def work(action: Action, body: Json, memory: Memory) -> None:
        name = body["metadata"]["name"]
        if action is Action.DEPLOY:
            try:
                await asyncio.sleep(0.1 if name == "waits" else 60)
            except asyncio.CancelledError:
                told.append(f"{name} stopped")
                raise
            settle(body, memory)
        told.append(f"{name} {action.name}")
        if action is Action.UNINSTALL:
            place.drop(name)

    place = Place(work)

    async def act() -> None:
        for name, on_change in (("waits", "wait"), ("stops", "stop")):
            place.put(release(name, onChange=on_change))
        await until(lambda: len(place.queue._workers) == 2)
        for name, on_change in (("waits", "wait"), ("stops", "stop")):
            body = release(name, 2, onChange=on_change)
            place.put({**body, "metadata": {**body["metadata"], "deletionTimestamp": "now", "finalizers": [FINALIZER]}})
        await until(lambda: not place.bodies)

    run(place, act)
    assert sorted(told) == ["stops UNINSTALL", "stops stopped", "waits DEPLOY", "waits UNINSTALL"]
