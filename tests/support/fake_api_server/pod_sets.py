"""The controllers of StatefulSets and DaemonSets on the fake API server: a step a look, one node.

What the real ones do and these do not: several pods at once (`Parallel`, `maxUnavailable`), surge, removal of claims.
"""

import hashlib
import json
from collections.abc import Callable

from support.fake_api_server.kubelet import is_finished, is_ready
from support.fake_api_server.store import Json, Key, Store, key_of

HASH = "controller-revision-hash"
MakePod = Callable[[Json, str, Json], bool]
"""Makes a pod of an owner: its name, and what it is made of."""


class PodSets:
    """Moves each StatefulSet and DaemonSet by a step."""

    def __init__(self, store: Store, make_pod: MakePod) -> None:
        self._store = store
        self._make_pod = make_pod

    def look(self) -> bool:
        moved = False
        for stateful_set in self._store.find("statefulsets"):
            moved |= self._look_at_stateful_set(stateful_set)
        for daemon_set in self._store.find("daemonsets"):
            moved |= self._look_at_daemon_set(daemon_set)
        return moved

    def _look_at_stateful_set(self, owner: Json) -> bool:
        if "deletionTimestamp" in owner["metadata"]:
            return False
        name, spec = owner["metadata"]["name"], owner["spec"]
        revision, status = self._keep_revision(owner), owner.get("status", {})
        current = status.get("currentRevision") or revision["metadata"]["name"]
        pods = {int(p["metadata"]["name"].rpartition("-")[2]): p for p in self._store.owned("pods", owner)}
        moved = self._tell_stateful_set(owner, revision, current, pods)
        start = spec.get("ordinals", {}).get("start", 0)
        wanted = range(start, start + spec["replicas"])
        partition = spec["updateStrategy"].get("rollingUpdate", {}).get("partition", 0)
        for ordinal in wanted:
            pod = pods.get(ordinal)
            if pod is None:
                made_of = revision if ordinal >= partition else self._find_revision(owner, current) or revision
                self._claim(owner, ordinal)
                return self._make(owner, f"{name}-{ordinal}", made_of, made_of["metadata"]["name"])
            if not is_ready(pod) or "deletionTimestamp" in pod["metadata"]:
                return moved  # it waits for each, also for one of another version that never will be
        for ordinal in sorted(pods.keys() - set(wanted), reverse=True)[:1]:
            return self._delete(pods[ordinal]) or moved
        for ordinal in reversed(wanted) if spec["updateStrategy"]["type"] == "RollingUpdate" else ():
            if ordinal >= partition and pods[ordinal]["metadata"]["labels"][HASH] != revision["metadata"]["name"]:
                return self._delete(pods[ordinal]) or moved
        return moved

    def _tell_stateful_set(self, owner: Json, revision: Json, current: str, pods: dict[int, Json]) -> bool:
        name = revision["metadata"]["name"]
        ready = sum(map(is_ready, pods.values()))
        updated = sum(pod["metadata"]["labels"][HASH] == name for pod in pods.values())
        rolls = owner["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        done = rolls and updated == len(pods) == ready == owner["spec"]["replicas"]
        return self._store.set_status(
            owner,
            {
                "observedGeneration": owner["metadata"]["generation"],
                "replicas": len(pods),
                "readyReplicas": ready,
                "availableReplicas": ready,
                "updatedReplicas": updated,
                "currentRevision": name if done else current,
                "updateRevision": name,
            },
        )

    def _claim(self, owner: Json, ordinal: int) -> None:
        namespace, labels = owner["metadata"]["namespace"], owner["spec"]["selector"]["matchLabels"]
        for template in owner["spec"].get("volumeClaimTemplates", ()):
            name = f"{template['metadata']['name']}-{owner['metadata']['name']}-{ordinal}"
            if Key("persistentvolumeclaims", namespace, name) not in self._store.objects:
                body = {"metadata": {"name": name, "labels": labels}, "spec": template["spec"]}
                self._store.create("persistentvolumeclaims", namespace, body, "controllers")

    def _look_at_daemon_set(self, owner: Json) -> bool:
        if "deletionTimestamp" in owner["metadata"]:
            return False
        revision = self._keep_revision(owner)
        hash_ = revision["metadata"]["labels"][HASH]
        pods = [pod for pod in self._store.owned("pods", owner) if not is_finished(pod)]
        here = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        old = [pod for pod in here if pod["metadata"]["labels"][HASH] != hash_]
        ready = sum(map(is_ready, here))
        moved = self._store.set_status(
            owner,
            {
                "observedGeneration": owner["metadata"]["generation"],
                "desiredNumberScheduled": 1,
                "currentNumberScheduled": len(here),
                "updatedNumberScheduled": len(here) - len(old),
                "numberReady": ready,
                "numberAvailable": ready,
            },
        )
        if not pods:
            return self._make(owner, f"{owner['metadata']['name']}-{self._store.number()}", revision, hash_)
        if old and owner["spec"]["updateStrategy"]["type"] == "RollingUpdate":
            return self._delete(old[0])
        return moved

    def _keep_revision(self, owner: Json) -> Json:
        """Give the ControllerRevision of the current template; one that comes back is the latest again."""
        metadata, template = owner["metadata"], owner["spec"]["template"]
        hash_ = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        known = self._store.owned("controllerrevisions", owner)
        latest = max((each["revision"] for each in known), default=0)
        found = next((each for each in known if each["metadata"]["labels"][HASH] == hash_), None)
        if found is not None and found["revision"] == latest:
            return found
        if found is not None:
            self._store.save(key_of(found), {**found, "revision": latest + 1})
            return {**found, "revision": latest + 1}
        labels = {**template["metadata"]["labels"], HASH: hash_}
        head = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"]}
        reference = {**head, "uid": metadata["uid"], "controller": True}
        body = {
            "metadata": {"name": f"{metadata['name']}-{hash_}", "labels": labels, "ownerReferences": [reference]},
            "revision": latest + 1,
            "data": {"spec": {"template": template}},
        }
        return self._store.create("controllerrevisions", metadata["namespace"], body, "controllers")

    def _find_revision(self, owner: Json, name: str) -> Json | None:
        known = self._store.owned("controllerrevisions", owner)
        return next((each for each in known if each["metadata"]["name"] == name), None)

    def _make(self, owner: Json, name: str, revision: Json, hash_: str) -> bool:
        template = revision["data"]["spec"]["template"]
        metadata = {**template["metadata"], "labels": {**template["metadata"]["labels"], HASH: hash_}}
        return self._make_pod(owner, name, {**template, "metadata": metadata})

    def _delete(self, pod: Json) -> bool:
        if "deletionTimestamp" in pod["metadata"]:
            return False
        self._store.delete(key_of(pod))
        return True
