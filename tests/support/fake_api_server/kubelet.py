"""The node of the fake API server: its kubelet runs in each pod what a test says, and keeps the logs.

Each look moves each pod by one step, so that a watch sees what lies between. What the real one does and this one does
not: pull images, and probe.
"""

import time
from collections import defaultdict
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from support.fake_api_server.store import Json, Store, key_of

_BACK_OFF_S = 0.3
"""Between two starts of a container; the real one has 10 s, and doubles them to five minutes."""


class Program(NamedTuple):
    """What one run of a container does. `exit_code` None: it runs until its pod is deleted, and ends with `told`.

    `waiting`: why it does not start (a container's `state.waiting`). `ready`: whether a probe would find it ready.
    `stays`: it does not listen to being told to stop, until `Controllers.kill`.
    """

    lines: tuple[str, ...] = ()
    exit_code: int | None = None
    ready: bool = True
    waiting: Json | None = None
    reason: str = ""
    told: int = 143
    stays: bool = False


class Line(NamedTuple):
    """A line of a log, with its time in UTC: nine digits of a second, as the kubelet writes them (RFC3339NanoFixed)."""

    time: str
    text: str

    def write(self, zone: tzinfo) -> str:
        """The line as it is with `timestamps`."""
        at = datetime.fromisoformat(f"{self.time[:19]}+00:00").astimezone(zone).isoformat()
        return f"{at[:19]}{self.time[19:29]}{'Z' if zone is UTC else at[19:]} {self.text}"


class Kubelet:
    """The one node, which takes every pod."""

    def __init__(self, store: Store) -> None:
        self.zone: tzinfo = UTC
        """That of the node: the times of logs are in it (cri-client, logs.go, and containerd's own logger)."""
        self.logs: dict[tuple[str, str], list[list[Line]]] = defaultdict(list)
        """By the pod's uid and the container: the lines of each of its runs."""
        self.images: dict[str, str] = {}
        """The ids of images that have moved under their tags."""
        self.default: Program | None = None
        """What a container runs of which nobody has said anything."""
        self._store = store
        self._programs: dict[str, tuple[Program, ...]] = {}
        self._runs: dict[str, int] = defaultdict(int)
        self._current: dict[tuple[str, str], Program] = {}
        self._starts_at_s: dict[tuple[str, str], float] = {}
        self._killed: set[str] = set()
        self._last_ns = 0

    def run(self, owner: str, *programs: Program) -> None:
        """Say what the pods of a Job or Deployment run: one after the other, the last again and again.

        `owner` is its name, or `name/container` for another container than the first.
        """
        with self._store.changed:
            self._programs[owner], self._runs[owner] = programs, 0

    def write(self, pod: Json, container: str, *lines: str, time: str | None = None) -> None:
        """Have a container write lines, all at one time where one is given."""
        with self._store.changed:
            log = self.logs[pod["metadata"]["uid"], container]
            if not log:
                log.append([])
            log[-1] += [Line(time or self._write_time(), line) for line in lines]
            self._store.changed.notify_all()

    def end(self, pod: Json, container: str, exit_code: int) -> None:
        """Have a container end that runs."""
        self.change(pod, container, exit_code=exit_code)

    def change(self, pod: Json, container: str, **fields: Any) -> None:
        """Change what a container does in its present run: fields of its Program."""
        with self._store.changed:
            key = pod["metadata"]["uid"], container
            self._current[key] = self._current[key]._replace(**fields)
            self._store.changed.notify_all()

    def kill(self, pod: Json) -> None:
        """Have a pod end that does not listen."""
        with self._store.changed:
            self._killed.add(pod["metadata"]["uid"])
            self._store.changed.notify_all()

    def evict(self, pod: Json) -> None:
        """Have a pod ended as a node that is drained does."""
        with self._store.changed:
            status = self._store.get(key_of(pod))["status"]
            condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
            self._store.set_status(pod, {**status, "conditions": [*status["conditions"], condition]})
            self._store.delete(key_of(pod))

    def look(self) -> bool:
        """Move all pods by a step; tells whether one has moved."""
        return any(self._look_at_pod(pod) for pod in self._store.find("pods"))

    def _look_at_pod(self, pod: Json) -> bool:
        status, key = pod.get("status", {}), key_of(pod)
        if "deletionTimestamp" in pod["metadata"]:
            return self._stop_pod(pod)
        if is_finished(pod):
            return False
        if "nodeName" not in pod["spec"]:
            self._store.save(key, {**pod, "spec": {**pod["spec"], "nodeName": "node"}})
            return True
        if not status:
            scheduled = make_condition(self._store, "PodScheduled", "", "")
            return self._store.set_status(
                pod, {"phase": "Pending", "startTime": self._store.stamp(), "conditions": [scheduled]}
            )
        return self._tell_pod(pod, self._run_containers(pod))

    def _run_containers(self, pod: Json) -> dict[str, Json]:
        """Move the first container by a step that has one to make: init containers one by one, then the others."""
        found = {each["name"]: each for each in list_statuses(pod)}
        spec = pod["spec"]
        for container in spec.get("initContainers", ()):
            before = found.get(container["name"])
            found[container["name"]] = after = self._run_container(pod, container, before)
            serves = container.get("restartPolicy") == "Always" and "running" in after["state"]
            if before != after or not (serves or _has_ended(after, 0)):
                return found
        for container in spec["containers"]:
            before = found.get(container["name"])
            found[container["name"]] = self._run_container(pod, container, before)
        return found

    def _run_container(self, pod: Json, container: Json, before: Json | None) -> Json:
        """Give what becomes of a container in one step."""
        name, key = container["name"], (pod["metadata"]["uid"], container["name"])
        image_id = self.images.get(container["image"], f"sha256:{container['image']}")
        told = {"name": name, "image": container["image"], "imageID": image_id, "restartCount": 0}
        if before is None:
            self._current[key] = self._choose(pod, name)
            return {**told, "imageID": "", "ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
        program, state = self._current[key], before["state"]
        if "waiting" in state and program.waiting is not None:
            return {**before, "state": {"waiting": program.waiting}}
        if "waiting" in state and time.monotonic() >= self._starts_at_s.get(key, 0.0):
            self.logs[key].append([Line(self._write_time(), line) for line in program.lines])
            begun = {"running": {"startedAt": self._store.stamp()}}
            # Without a probe what runs is ready; with one, what ends at once never was.
            ready = program.ready and (program.exit_code is None or "readinessProbe" not in container)
            return {**before, **told, "restartCount": before["restartCount"], "ready": ready, "state": begun}
        if "running" in state and program.exit_code is not None:
            end = self._end(state, program.exit_code, program.reason)
            return self._restart(pod, container, {**before, "ready": False, "state": end})
        return before

    def _restart(self, pod: Json, container: Json, ended: Json) -> Json:
        """Start a container again that has ended, where its pod says so."""
        init = [each["name"] for each in pod["spec"].get("initContainers", ())]
        policy = container.get("restartPolicy") or pod["spec"]["restartPolicy"]
        if container["name"] in init and policy == "Always" and "restartPolicy" not in container:
            policy = "OnFailure"
        if policy == "Never" or (policy == "OnFailure" and _has_ended(ended, 0)):
            return ended
        key = pod["metadata"]["uid"], container["name"]
        self._current[key], self._starts_at_s[key] = (
            self._choose(pod, container["name"]),
            time.monotonic() + _BACK_OFF_S,
        )
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}
        return {**ended, "restartCount": ended["restartCount"] + 1, "lastState": ended["state"], "state": waiting}

    def _tell_pod(self, pod: Json, found: dict[str, Json]) -> bool:
        """Write a pod's status as it follows from its containers'."""
        status, spec = pod["status"], pod["spec"]
        init = [each["name"] for each in spec.get("initContainers", ())]
        main = [found.get(each["name"]) for each in spec["containers"]]
        phase = "Running" if all(each and "waiting" not in each["state"] for each in main) else status["phase"]
        if all(each and "terminated" in each["state"] for each in main):
            phase = "Succeeded" if all(each and _has_ended(each, 0) for each in main) else "Failed"
        elif any(
            name in found and "terminated" in found[name]["state"] and not _has_ended(found[name], 0) for name in init
        ):
            phase = "Failed"
        ready = phase == "Running" and all(each and each["ready"] for each in main)
        others = [each for each in status["conditions"] if each["type"] != "Ready"]
        before = next((each for each in status["conditions"] if each["type"] == "Ready"), None)
        condition = {**make_condition(self._store, "Ready", "", ""), "status": str(ready)}
        if before and before["status"] == condition["status"]:
            condition = before
        new = {
            **status,
            "phase": phase,
            "conditions": [*others, condition],
            "initContainerStatuses": [found[name] for name in init if name in found],
            "containerStatuses": [each for each in main if each],
        }
        return self._store.set_status(pod, new)

    def _stop_pod(self, pod: Json) -> bool:
        """End the containers of a pod that was told to stop; when they have ended, it goes."""
        uid, metadata = pod["metadata"]["uid"], pod["metadata"]
        running = [each for each in list_statuses(pod) if "running" in each["state"]]
        stays = any(self._current[uid, each["name"]].stays for each in running)
        if stays and uid not in self._killed:
            return False
        if not running or not pod.get("status"):
            self._store.remove(pod)
            return True
        ended = {
            each["name"]: {
                **each,
                "ready": False,
                "state": self._end(each["state"], self._current[uid, each["name"]].told, "Error"),
            }
            for each in running
        }
        found = {each["name"]: each for each in list_statuses(pod)} | ended
        assert "deletionTimestamp" in metadata
        return self._tell_pod(pod, found)

    def _choose(self, pod: Json, container: str) -> Program:
        """Choose what the next run of a container does."""
        owner = name_owner(pod)
        first = pod["spec"]["containers"][0]["name"]
        key = owner if container == first and f"{owner}/{container}" not in self._programs else f"{owner}/{container}"
        init = [each["name"] for each in pod["spec"].get("initContainers", ()) if "restartPolicy" not in each]
        ends = container in init or pod["spec"]["restartPolicy"] != "Always"
        programs = self._programs.get(key) or (self.default or Program(exit_code=0 if ends else None),)
        self._runs[key] += 1
        return programs[min(self._runs[key], len(programs)) - 1]

    def _end(self, state: Json, exit_code: int, reason: str) -> Json:
        began = state["running"]["startedAt"]
        reason = reason or ("Completed" if exit_code == 0 else "Error")
        times = {"startedAt": began, "finishedAt": self._store.stamp()}
        return {"terminated": {"exitCode": exit_code, "reason": reason, **times}}

    def _write_time(self) -> str:
        self._last_ns = max(int(self._store.now().timestamp() * 1_000_000) * 1000, self._last_ns + 1)
        seconds, nanoseconds = divmod(self._last_ns, 1_000_000_000)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def _has_ended(status: Json, exit_code: int) -> bool:
    end = status["state"].get("terminated")
    return end is not None and end["exitCode"] == exit_code


def name_owner(pod: Json) -> str:
    """The Job or Deployment that a pod is of."""
    for reference in pod["metadata"].get("ownerReferences", ()):
        name = str(reference["name"])
        return name.rpartition("-")[0] if reference["kind"] == "ReplicaSet" else name
    return str(pod["metadata"]["name"])


def make_condition(store: Store, kind: str, reason: str = "", message: str = "", status: str = "True") -> Json:
    """Give a condition of an object's status that began now."""
    now = store.stamp()
    times = {"lastTransitionTime": now, "lastUpdateTime": now}
    return {"type": kind, "status": status, "reason": reason, "message": message, **times}


def is_finished(pod: Json) -> bool:
    return phase_of(pod) in {"Succeeded", "Failed"}


def phase_of(pod: Json) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def list_statuses(pod: Json) -> list[Json]:
    """The statuses of a pod's containers, in the order in which they start."""
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
