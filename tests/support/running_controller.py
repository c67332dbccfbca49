"""A controller beside an API server in memory, and what Releases there say."""

import asyncio
import copy
import threading
from typing import Any

import yaml

from ks_universal.controller.run import ControllerOptions, run_controller
from support.fake_api_server import FakeApiServer

Json = dict[str, Any]
PASSWORD, ENCODED = "correct-horse", "Y29ycmVjdC1ob3JzZQ"
VALUES = """
configs:
  db: {type: secret, data: {PASSWORD: correct-horse}}
deployments:
  app:
    replicas: 1
    migrations: {enabled: true, args: [migrate], backoffLimit: 0}
    containers:
      main:
        image: app
        imageTag: v1
        envFrom: [{type: secret, configName: db}]
"""
LONG_S = 60


def release(name: str = "shop", values: str = VALUES, namespace: str = "ns", **spec: Any) -> Json:
    """A Release of values that are changed by nothing."""
    body = {"values": yaml.safe_load(values), **spec} if values else spec
    return {"kind": "Release", "metadata": {"name": name, "namespace": namespace}, "spec": body}


class Releases:
    """The Releases of a server, as a person sees and changes them."""

    def __init__(self, server: FakeApiServer) -> None:
        self.server = server

    def put(self, body: Json) -> None:
        self.server.put(body, namespace=body["metadata"]["namespace"])

    def edit(self, name: str = "shop", *, values: tuple[str, str] | Json | None = None, **spec: Any) -> None:
        """Change its spec: the values, or a text of them, and fields."""

        def change(body: Json) -> Json:
            body = copy.deepcopy(body)
            body["spec"].update(spec)
            if isinstance(values, dict):
                body["spec"]["values"] = values
            elif values is not None:
                text = yaml.safe_dump(body["spec"]["values"])
                assert values[0] in text
                body["spec"]["values"] = yaml.safe_load(text.replace(*values))
            return body

        self.server.edit("releases", name, change)

    def annotate(self, name: str = "shop", **annotations: str) -> None:
        def change(body: Json) -> Json:
            named = {f"ks-universal.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
            return {**body, "metadata": {**body["metadata"], "annotations": named}}

        self.server.edit("releases", name, change)

    def get(self, name: str = "shop", namespace: str = "ns") -> Json | None:
        return self.server.get("releases", name, namespace)

    def status(self, name: str = "shop", namespace: str = "ns") -> Json:
        found = self.get(name, namespace)
        status: Json = {} if found is None else found.get("status", {})
        return status

    def condition(self, type_: str, name: str = "shop", namespace: str = "ns") -> Json:
        found = (each for each in self.status(name, namespace).get("conditions", ()) if each["type"] == type_)
        return next(found, {})

    def is_settled(self, name: str = "shop", namespace: str = "ns") -> bool:
        """Whether its newest generation has succeeded, or stalled."""
        found = self.get(name, namespace)
        ready, stalled = self.condition("Ready", name, namespace), self.condition("Stalled", name, namespace)
        is_newest = found is not None and found["metadata"]["generation"] == ready.get("observedGeneration")
        return is_newest and "True" in (ready.get("status"), stalled.get("status"))

    def await_settled(self, name: str = "shop", namespace: str = "ns") -> None:
        self.server.await_that(lambda: self.is_settled(name, namespace), LONG_S)

    def await_reason(self, reason: str, type_: str = "Ready", name: str = "shop") -> None:
        self.server.await_that(lambda: self.condition(type_, name).get("reason") == reason, LONG_S)

    def events(self) -> list[tuple[str, str]]:
        """Reason and message of the Events on Releases, in their order."""
        with self.server.store.changed:
            found = self.server.store.find("events")
        about = [each for each in found if each["involvedObject"]["kind"] == "Release"]
        return [(each["reason"], each["message"]) for each in about]


class RunningController:
    """A controller in a thread of its own; `lines` are what it has told. To be ended."""

    def __init__(self, server: FakeApiServer, **options: Any) -> None:
        self.lines: list[str] = []
        self.error: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._options = ControllerOptions(**{"own_namespace": "system", **options})
        self._thread = threading.Thread(target=self._run, args=(str(server.kubeconfig),))
        self._thread.start()

    def _run(self, kubeconfig: str) -> None:
        async def main() -> None:
            self._task = asyncio.ensure_future(run_controller(self._options, self.lines.append, kubeconfig=kubeconfig))
            await asyncio.wait([self._task])
            self.error = None if self._task.cancelled() else self._task.exception()

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(main())

    def end(self) -> None:
        """End it as SIGTERM does."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(lambda: self._task is not None and self._task.cancel())
        self._thread.join(60)
        assert not self._thread.is_alive(), "it did not end"
        if self.error is not None:
            raise self.error

    def await_end(self) -> BaseException | None:
        """Wait until it has ended by itself; gives why."""
        self._thread.join(60)
        assert not self._thread.is_alive(), "it did not end"
        error, self.error = self.error, None
        return error
