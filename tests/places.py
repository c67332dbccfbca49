"""The places that the contract is held against: each makes targets in one world, and steps that behave as told."""

import asyncio
import sys
from pathlib import Path
from typing import Any, Protocol

from ks_universal.diagnostics import Problem
from ks_universal.engine.target import Target
from ks_universal.model.local import Local
from ks_universal.model.migrations import Phase
from ks_universal.plan.steps import Migrate, RollOut
from ks_universal.resources.objects import Migration
from ks_universal.targets.local import LocalTarget
from ks_universal.targets.memory import MemoryTarget, Try, World

Json = dict[str, Any]
STEP, ROLLOUT = "web/migrations", "web/rollout"


class Place(Protocol):
    """Somewhere to run a release."""

    def open(self) -> Target:
        """Give a target, as another process would."""

    def script(self, *codes: int | None) -> Json:
        """Give the PodSpec of a migration whose attempts say `try N` and end with these codes; None: it never ends."""

    def serve(self, *, broken: bool = False) -> Json:
        """Give the PodSpec of an application that comes up, or does not."""


class Memory:
    """The memory target."""

    def __init__(self) -> None:
        self._world = World()

    def open(self) -> Target:
        return MemoryTarget(self._world)

    def script(self, *codes: int | None) -> Json:
        self._world.scripts[STEP] = tuple(
            Try(lines=(f"try {number}",), exit_code=code or 0, pause=asyncio.Event().wait if code is None else None)
            for number, code in enumerate(codes, start=1)
        )
        return {"containers": [{"name": "main", "image": "app:1", "args": [repr(codes)]}]}

    def serve(self, *, broken: bool = False) -> Json:
        self._world.broken = {ROLLOUT: Problem("test/broken", "it does not come up")} if broken else {}
        return {"containers": [{"name": "main", "image": "app:1", "args": [repr(broken)]}]}


class Here:
    """This machine; each target has its own descriptor of the lock, as another process would."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> Target:
        state = self._folder / ".ks-universal" / "demo"
        return LocalTarget("demo", "ns", Local(), directory=self._folder, state=state, retry_delay_s=0.01)

    def script(self, *codes: int | None) -> Json:
        program = (
            f"import pathlib, sys, time; f = pathlib.Path({str(self._folder / 'tries')!r}); f.touch();"
            f"n = len(f.read_text()); f.write_text('x' * (n + 1)); print('try', n + 1, flush=True);"
            f"codes = {codes!r}; code = codes[min(n, len(codes) - 1)];"
            "time.sleep(1000) if code is None else sys.exit(code)"
        )
        (self._folder / "tries").unlink(missing_ok=True)
        return {"containers": [{"name": "main", "image": "app:1", "command": [sys.executable, "-c", program]}]}

    def serve(self, *, broken: bool = False) -> Json:
        script = "exit 1" if broken else "trap 'exit 0' TERM; while :; do sleep 0.05; done"
        return {"containers": [{"name": "main", "image": "app:1", "command": ["sh", "-c", script]}]}


def migrate(pod: Json, *, retries: int = 0, digest: str = "d1", fatal: tuple[int, ...] = ()) -> Migrate:
    body = {
        "kind": "Job",
        "metadata": {"name": "web-migrations", "namespace": "ns"},
        "spec": {"template": _template(pod)},
    }
    migration = Migration(
        application="web", step=None, phase=Phase.PRE, body=body, retries=retries, fatal_exit_codes=fatal
    )
    return Migrate(id=STEP, application="web", migration=migration, digest=digest, why="test")


def roll_out(pod: Json) -> RollOut:
    spec = {"replicas": 1, "progressDeadlineSeconds": 2, "template": _template(pod)}
    body = {"kind": "Deployment", "metadata": {"name": "web", "namespace": "ns"}, "spec": spec}
    return RollOut(id=ROLLOUT, application="web", body=body)


def _template(pod: Json) -> Json:
    return {"metadata": {"labels": {"app": "web"}}, "spec": pod}
