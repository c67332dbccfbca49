"""How the workloads of a namespace are now: pods, Jobs, Deployments, ReplicaSets and events, kept by watching."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, EVENT, JOB, POD, REPLICA_SET
from ks_universal.targets.kubernetes.api.watch import Reflector
from ks_universal.targets.kubernetes.observed.pods import created, owner, read_last_seen
from ks_universal.targets.kubernetes.observed.readiness import old_pods

WorkloadKey = tuple[str, str]
"""A Job or Deployment, by kind and name: whatever happens below it is told to whoever follows it."""


class Observer:
    """One list and one watch a kind, begun at the first use, for all Jobs and Deployments that are followed."""

    def __init__(self, client: Client, release: str) -> None:
        self._changed: dict[WorkloadKey, list[asyncio.Event]] = defaultdict(list)
        self._events: dict[str, dict[str, Json]] = defaultdict(dict)
        self._pods: dict[WorkloadKey, dict[str, Json]] = defaultdict(dict)
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None
        self._starting = asyncio.Lock()
        selector = f"{INSTANCE}={release}"
        self._jobs = Reflector(client, JOB, self._tell, labels=selector, fields=None)
        self._deployments = Reflector(client, DEPLOYMENT, self._tell, labels=selector, fields=None)
        self._replica_sets = Reflector(client, REPLICA_SET, self._tell, labels=selector, fields=None)
        self._all_pods = Reflector(client, POD, self._tell, labels=None, fields=None)
        self._all_events = Reflector(client, EVENT, self._take_event, labels=None, fields=None)

    async def start(self) -> None:
        """Begin to observe; does nothing when it has begun."""
        async with self._starting:
            if self._tasks:
                return
            mirrors = (self._jobs, self._deployments, self._replica_sets, self._all_pods, self._all_events)
            await asyncio.gather(*(mirror.fill() for mirror in mirrors))
            self._tasks = [asyncio.create_task(mirror.run()) for mirror in mirrors]
            for task in self._tasks:
                task.add_done_callback(self._note_end)

    async def stop(self) -> None:
        """Stop observing."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @contextmanager
    def follow(self, topic: WorkloadKey) -> Iterator[asyncio.Event]:
        """Give an Event that is set now and at each change below the topic; the follower clears it."""
        changed = asyncio.Event()
        changed.set()
        self._changed[topic].append(changed)
        try:
            yield changed
        finally:
            self._changed[topic].remove(changed)

    def wake(self, topic: WorkloadKey) -> None:
        """Have the followers of a topic look again, for what is not observed here."""
        _wake(self._changed[topic])

    def check(self) -> None:
        """Raise what ended the observation, if something did."""
        if self._failure is not None:
            raise self._failure

    def jobs(self) -> list[Json]:
        """Read the Jobs of the release as last seen."""
        return list(self._jobs.objects.values())

    def job(self, name: str) -> Json | None:
        """Read a Job as last seen."""
        return self._jobs.objects.get(name)

    def deployment(self, name: str) -> Json | None:
        """Read a Deployment as last seen."""
        return self._deployments.objects.get(name)

    def replica_sets(self, deployment: Json) -> list[Json]:
        """Read a Deployment's ReplicaSets, oldest first."""
        uid = deployment["metadata"]["uid"]
        return sorted((r for r in self._replica_sets.objects.values() if owner(r)[2] == uid), key=created)

    def pods(self, topic: WorkloadKey) -> list[Json]:
        """Read all pods below a Job or Deployment of this name (also of a namesake that was deleted), oldest first."""
        return sorted(self._pods[topic].values(), key=created)

    def old_pods(self, name: str) -> list[Json]:
        """Read the pods of earlier versions of a Deployment that are still there; see `readiness.old_pods`."""
        deployment = self.deployment(name)
        if deployment is None:
            return []
        return old_pods(deployment, self.replica_sets(deployment), self.pods(("Deployment", name)))

    def events(self, item: Json) -> list[Json]:
        """Read the events about an object, in the order in which they last happened."""
        return sorted(self._events[item["metadata"]["uid"]].values(), key=read_last_seen)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Tell all who follow what ended the observation: they would wait for ever."""
        if task.cancelled():
            return
        self._failure = task.exception()
        for followers in self._changed.values():
            _wake(followers)

    def _tell(self, item: Json) -> None:
        topic = _topic(item)
        name = item["metadata"]["name"]
        if item["kind"] == "Pod":
            if name in self._all_pods.objects:
                self._pods[topic][name] = item
            else:
                self._pods[topic].pop(name, None)
        _wake(self._changed[topic])

    def _take_event(self, event: Json) -> None:
        about = event.get("involvedObject", {})
        self._events[about.get("uid", "")][event["metadata"]["name"]] = event
        kind, name = about.get("kind", ""), about.get("name", "")
        if kind == "Pod" and name in self._all_pods.objects:
            _wake(self._changed[_topic(self._all_pods.objects[name])])
        elif kind == "ReplicaSet":
            _wake(self._changed["Deployment", name.rpartition("-")[0]])
        else:
            _wake(self._changed[kind, name])


def _topic(item: Json) -> WorkloadKey:
    kind, name, _ = owner(item)
    if item["kind"] in {"Job", "Deployment"}:
        return item["kind"], item["metadata"]["name"]
    if kind == "ReplicaSet":
        return "Deployment", name.rpartition("-")[0]
    return kind, name


def _wake(followers: list[asyncio.Event]) -> None:
    for changed in followers:
        changed.set()
