"""How the workloads of a namespace are now, with their versions, pods and events, kept by watching."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ks_universal.json_types import Json
from ks_universal.metadata_keys import INSTANCE
from ks_universal.resources.objects import object_ref
from ks_universal.targets.kubernetes.api.client import FIELD_MANAGER, Client
from ks_universal.targets.kubernetes.api.kinds import EVENT, JOB, POD, VERSIONED
from ks_universal.targets.kubernetes.api.watch import Reflector
from ks_universal.targets.kubernetes.observed.pods import created, owner, read_last_seen
from ks_universal.targets.kubernetes.observed.versions import old_pods

_ALL_IS_WELL = ("Scheduled", "SuccessfulCreate", "Suspended", "Resumed", "Completed", "ScalingReplicaSet")
_OF_INTEREST = ",".join((f"source!={FIELD_MANAGER}", *(f"reason!={each}" for each in _ALL_IS_WELL)))
"""Which events are observed: a namespace with many releases has thousands of the others, which nobody here reads."""

_WITH_PODS = frozenset((JOB.kind, *VERSIONED))

WorkloadKey = tuple[str, str]
"""A Job or workload, by kind and name: whatever happens below it is told to whoever follows it."""


class Observer:
    """One list and one watch a kind, begun at the first use, for all Jobs and workloads that are followed.

    `labels` selects their pods, and what keeps their versions; None: nothing that is known does, and all are read.
    """

    def __init__(self, client: Client, release: str, labels: str | None = None) -> None:
        self._changed: dict[WorkloadKey, list[asyncio.Event]] = defaultdict(list)
        self._events: dict[str, dict[str, Json]] = defaultdict(dict)
        self._pods: dict[WorkloadKey, dict[str, Json]] = defaultdict(dict)
        self._tasks: dict[Reflector, asyncio.Task[None]] = {}
        self._failure: BaseException | None = None
        self._starting = asyncio.Lock()
        own = select_own(release)
        self._jobs = Reflector(client, JOB, self._tell, labels=own, fields=None)
        served = {kind: own for kind, _ in VERSIONED.values()}
        self._by_kind = {
            kind: Reflector(client, kind, self._tell, labels=served.get(kind, labels), fields=None)
            for pair in VERSIONED.values()
            for kind in pair
            if kind is not None
        }
        self._makers = 0
        self._all_pods = Reflector(client, POD, self._tell, labels=labels, fields=None)
        self._all_events = Reflector(client, EVENT, self._take_event, labels=None, fields=_OF_INTEREST)

    async def start(self, kind: str | None = None) -> None:
        """Begin to observe Jobs, pods and, where it is given, workloads of a kind, as far as that has not begun.

        Of the kinds only that one: a role need not have rights for those that a release does not have.
        """
        async with self._starting:
            of_kind = () if kind is None else (self._by_kind[each] for each in VERSIONED[kind] if each is not None)
            mirrors = (self._jobs, self._all_pods, self._all_events, *of_kind)
            fresh = [mirror for mirror in mirrors if mirror not in self._tasks]
            await asyncio.gather(*(mirror.fill() for mirror in fresh))
            for mirror in fresh:
                task = self._tasks[mirror] = asyncio.create_task(mirror.run())
                task.add_done_callback(self._note_end)

    async def stop(self) -> None:
        """Stop observing."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

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

    @contextmanager
    def await_maker(self) -> Iterator[None]:
        """Tell others meanwhile that a controller is running, which may make what pods miss."""
        self._makers += 1
        try:
            yield
        finally:
            self._makers -= 1

    @property
    def has_makers(self) -> bool:
        """Whether the run waits for an extra object of this namespace."""
        return self._makers > 0

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

    def workload(self, key: WorkloadKey) -> Json | None:
        """Read a workload that is rolled out as last seen."""
        kind, name = key
        return self._by_kind[VERSIONED[kind][0]].objects.get(name)

    def revisions(self, workload: Json) -> list[Json]:
        """Read what keeps a workload's versions, oldest first; see `versions`."""
        _, keeper = VERSIONED[workload["kind"]]
        uid = workload["metadata"]["uid"]
        kept = () if keeper is None else self._by_kind[keeper].objects.values()
        return sorted((each for each in kept if owner(each)[2] == uid), key=created)

    def pods(self, topic: WorkloadKey) -> list[Json]:
        """Read all pods below a Job or workload of this name (also of a namesake that was deleted), oldest first."""
        return sorted(self._pods[topic].values(), key=created)

    def old_pods(self, key: WorkloadKey) -> list[Json]:
        """Read the pods of earlier versions of a workload that are still there; see `versions.old_pods`."""
        workload = self.workload(key)
        return [] if workload is None else old_pods(workload, self.revisions(workload), self.pods(key))

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
        if item["kind"] in ("Pod", "ReplicaSet"):
            _forget_managers(item)
        topic = _topic(item)
        name = item["metadata"]["name"]
        if item["kind"] == "Pod":
            if name in self._all_pods.objects:
                self._pods[topic][name] = item
            else:
                self._pods[topic].pop(name, None)
        _wake(self._changed[topic])

    def _take_event(self, event: Json) -> None:
        _forget_managers(event)
        about = event.get("involvedObject", {})
        self._events[about.get("uid", "")][event["metadata"]["name"]] = event
        kind, name = about.get("kind", ""), about.get("name", "")
        if kind == "Pod" and name in self._all_pods.objects:
            _wake(self._changed[_topic(self._all_pods.objects[name])])
        elif kind == "ReplicaSet":
            _wake(self._changed["Deployment", name.rpartition("-")[0]])
        else:
            _wake(self._changed[kind, name])


def select_own(release: str) -> str:
    """Give the selector of the labels that all have which is made for a release."""
    return f"{INSTANCE}={release}"


def select_pods(release: str, workloads: Iterable[Json]) -> str | None:
    """Find the selector by which all pods of some Jobs and workloads are found; None: there is none.

    All pods of a workload have what its selector names, of whatever version; what was taken over may have kept its own.
    """
    bodies = [body for body in workloads if object_ref(body).kind in _WITH_PODS]
    return select_own(release) if all(_read_pod_labels(b).get(INSTANCE) == release for b in bodies) else None


def _read_pod_labels(workload: Json) -> Json:
    """Read the labels that all pods of a Job, or of any version of a workload, have."""
    spec: Json = workload["spec"]
    is_job = object_ref(workload).kind == JOB.kind
    labels: Json | None = (
        spec["template"].get("metadata", {}).get("labels") if is_job else spec.get("selector", {}).get("matchLabels")
    )
    return labels or {}


def _forget_managers(item: Json) -> None:
    """Drop who has written which field: it is half of an object, of all of a namespace, and nobody asks here."""
    item["metadata"].pop("managedFields", None)


def _topic(item: Json) -> WorkloadKey:
    kind, name, _ = owner(item)
    if item["kind"] == "Job" or item["kind"] in VERSIONED:
        return item["kind"], item["metadata"]["name"]
    if kind == "ReplicaSet":
        return "Deployment", name.rpartition("-")[0]
    return kind, name


def _wake(followers: list[asyncio.Event]) -> None:
    for changed in followers:
        changed.set()
