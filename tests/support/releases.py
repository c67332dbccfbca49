"""Releases for tests of the plan and the engine: values as data, rendered; and runs of them in memory."""

import asyncio
import copy
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ks_universal.api.values import Values, load, render
from ks_universal.engine.events import AttemptStarted, Event
from ks_universal.engine.run import Planner, run, run_planned
from ks_universal.plan.build import build_plan
from ks_universal.plan.records import Revision
from ks_universal.resources.objects import Rendered
from ks_universal.testing.memory import MemoryTarget
from ks_universal.testing.world import Killed, KillSwitch, Try, World

Json = dict[str, Any]


def app(
    *steps: str | Json,
    tag: str = "1.0",
    configs: Sequence[str] = (),
    secrets: Sequence[str] = (),
    depends_on: Sequence[str] = (),
    **more: Any,
) -> Json:
    """An entry of `deployments`: these migration steps (by name, or written out), a container that reads configs."""
    env_from = [
        *({"type": "configMap", "configName": name} for name in configs),
        *({"type": "secret", "configName": name} for name in secrets),
    ]
    main = {"image": "app", "imageTag": tag, "envFrom": env_from, "ports": {"http": {"containerPort": 80}}}
    written = [{"name": step, "args": ["run", step]} if isinstance(step, str) else step for step in steps]
    migrations: Json = {"enabled": bool(steps), "args": ["up"], "steps": written, "backoffLimit": 0}
    if depends_on:
        migrations["dependsOn"] = list(depends_on)
    return {"migrations": migrations, "containers": {"main": main}, **more}


def config(**data: str) -> Json:
    return {"type": "configMap", "data": data}


def secret(**data: str) -> Json:
    return {"type": "secret", "data": data}


def release(configs: Json | None = None, /, **deployments: Json) -> Rendered:
    """Render values with these configs and deployments as `demo` in the namespace `ns`."""
    return render_values({"configs": configs or {}, "deployments": deployments})


def render_values(values: Json) -> Rendered:
    return render(load_values(values), "demo", "ns")


def load_values(values: Json) -> Values:
    text = msgspec.json.encode(values).decode()
    return load(["-"], stdin=lambda: text, keep_tree=True)


class Events(list[Event]):
    """All that was emitted, in order; lets a moment of the switch pass at each, before anybody hears of it."""

    def __init__(self, switch: KillSwitch | None = None) -> None:
        super().__init__()
        self.switch = switch or KillSwitch()

    def __call__(self, event: Event) -> None:
        self.switch.pass_moment()
        self.append(event)

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self if isinstance(event, kinds)]

    def steps(self, kind: type) -> list[str]:
        """The steps of the events of one kind."""
        return [event.step for event in self.of(kind)]


def deploy(rendered: Rendered, world: World, **words: Any) -> tuple[Revision, Events]:
    """Run a release in a world, to its end."""
    events = Events()
    return asyncio.run(run(rendered, MemoryTarget(world), events, by="tests", **words)), events


def kill_during(world: World, step: str, rendered: Rendered, planner: Planner = build_plan) -> Revision:
    """Kill a run when a migration step's attempt has begun, which goes on; gives the record that it leaves."""
    world.scripts[step] = (Try(pause=asyncio.Event().wait),)
    switch = KillSwitch()

    async def main() -> None:
        events = Events()
        target = MemoryTarget(world, switch=switch)
        task = asyncio.create_task(run_planned(rendered, target, events, planner, by="killed"))
        async with asyncio.timeout(60):
            while step not in events.steps(AttemptStarted):
                await asyncio.sleep(0)
        switch.kill()
        task.cancel()
        await asyncio.wait([task])
        assert isinstance(task.exception(), Killed)

    asyncio.run(main())
    del world.scripts[step]
    return world.revisions[max(world.revisions)]


def kill(world: World, rendered: Rendered, at: int, planner: Planner = build_plan) -> bool:
    """Run, and be killed at a moment (from 1); tells whether that moment came."""
    switch = KillSwitch(at)
    target = MemoryTarget(world, switch=switch)
    try:
        asyncio.run(run_planned(rendered, target, Events(switch), planner, by="killed"))
    except (Killed, BaseExceptionGroup):
        assert switch.dead
    return switch.dead


def list_stopped(stop: Callable[[World, int], bool], make: Callable[[], World]) -> list[tuple[int, World]]:
    """Make worlds in which a run is stopped, one for each of its moments, until `stop` tells that there is no more."""
    worlds: list[tuple[int, World]] = []
    made = make()
    for at in range(1, 1000):
        world = _copy(made)
        if not stop(world, at):
            return worlds
        worlds.append((at, world))
    raise AssertionError("it never ends")


def _copy(world: World) -> World:
    """Copy a world, but for what nobody changes."""
    kept = (*world.objects.values(), *world.revisions.values(), *world.history)
    return copy.deepcopy(world, {id(each): each for each in kept})


def interrupt(world: World, rendered: Rendered, at: int, planner: Planner = build_plan) -> bool:
    """Run, and be interrupted, as by Ctrl-C, at the event number `at` (from 1); tells whether it came to that."""

    async def main() -> bool:
        task: asyncio.Task[Revision]

        class Interrupting(Events):
            def __call__(self, event: Event) -> None:
                super().__call__(event)
                if len(self) == at:
                    task.cancel()

        events = Interrupting()
        task = asyncio.create_task(run_planned(rendered, MemoryTarget(world), events, planner, by="interrupted"))
        await asyncio.wait([task])
        return len(events) >= at

    return asyncio.run(main())


def kill_before_anything_changes(world: World, rendered: Rendered) -> None:
    """Run, and be killed when the record is written and nothing else is."""
    known = len(world.revisions)
    for at in range(1, 100):
        assert kill(world, rendered, at)
        if len(world.revisions) > known:
            return
    raise AssertionError("no record was written")
