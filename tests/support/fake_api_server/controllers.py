"""What makes pods of Jobs and workloads on the fake API server, and removes what has lost its owner.

Each look moves each object by one step, so that a watch sees what lies between. What the real ones do and these do not:
wait between the attempts of a Job, run several pods of one at once, surge by shares, roll back.
"""

import hashlib
import json
from datetime import datetime, timedelta

from support.fake_api_server.kubelet import is_finished, is_ready, list_statuses, make_condition, phase_of
from support.fake_api_server.pod_sets import PodSets
from support.fake_api_server.store import Json, Store, has_owner, key_of


class Controllers:
    """The controllers of Jobs, Deployments and garbage."""

    def __init__(self, store: Store) -> None:
        self.injected: list[Json] = []
        """Containers that an admission webhook puts into each pod."""
        self.refusal = ""
        """Why no pod may be made, as an Event has it; empty where they may."""
        self._store = store
        self._pod_sets = PodSets(store, self._make_pod_of)
        self._progress: dict[str, tuple[object, datetime]] = {}
        """By a Deployment's uid: how far it was last seen to be, and since when."""

    def look(self) -> bool:
        """Move all objects by a step; tells whether one has moved."""
        store = self._store
        moved = self._collect()
        for job in store.find("jobs"):
            moved |= self._look_at_job(job)
        for deployment in store.find("deployments"):
            moved |= self._look_at_deployment(deployment)
        for replica_set in store.find("replicasets"):
            moved |= self._look_at_replica_set(replica_set)
        return moved | self._pod_sets.look()

    # garbage

    def _collect(self) -> bool:
        """Remove what has lost its owner, and what is deleted in the foreground once all that it owns is gone."""
        store, moved = self._store, False
        uids = {body["metadata"]["uid"] for body in store.objects.values()}
        for key in [*store.objects]:
            if (body := store.objects.get(key)) is None:  # what was removed just now owned it
                continue
            metadata = body["metadata"]
            owners = metadata.get("ownerReferences", ())
            lost = owners and not any(reference["uid"] in uids for reference in owners)
            if lost and "deletionTimestamp" not in metadata:
                store.delete(key)
                moved = True
            elif "foregroundDeletion" in metadata.get("finalizers", ()):
                moved |= self._collect_below(body)
        return moved

    def _collect_below(self, owner: Json) -> bool:
        below = [body for body in self._store.objects.values() if has_owner(body, owner)]
        for body in below:
            if "deletionTimestamp" not in body["metadata"]:
                self._store.delete(key_of(body), propagation="Foreground")
                return True
        left = [each for each in owner["metadata"]["finalizers"] if each != "foregroundDeletion"]
        if not below:
            self._store.save(key_of(owner), {**owner, "metadata": {**owner["metadata"], "finalizers": left}})
        return not below

    # Jobs

    def _look_at_job(self, job: Json) -> bool:
        store, spec, status = self._store, job["spec"], dict(job.get("status", {}))
        pods = store.owned("pods", job)
        conditions = {each["type"]: each for each in status.get("conditions", ())}
        if "deletionTimestamp" in job["metadata"] or conditions.keys() & {"Complete", "Failed"}:
            return False
        active = [pod for pod in pods if not is_finished(pod)]
        if spec["suspend"]:
            status.pop("startTime", None)
        else:
            status.setdefault("startTime", store.stamp())
        status |= {
            "active": len(active),
            "succeeded": sum(phase_of(pod) == "Succeeded" for pod in pods),
            "failed": sum(phase_of(pod) == "Failed" and not self._is_ignored(job, pod) for pod in pods),
        }
        ending = conditions.get("FailureTarget") or conditions.get("SuccessCriteriaMet")
        if ending is None:
            ending = self._find_end(job, status, pods)
            conditions |= {ending["type"]: ending} if ending else {}
        if ending and not active:
            kind = "Complete" if ending["type"] == "SuccessCriteriaMet" else "Failed"
            conditions[kind] = {**ending, "type": kind}
            status["completionTime"] = store.stamp()
        told = ending or spec["suspend"]
        moved = store.set_status(job, {**status, "conditions": [*conditions.values()]})
        for pod in active if told else ():
            if "deletionTimestamp" not in pod["metadata"]:
                store.delete(key_of(pod))
                return True
        if not told and not active and status["succeeded"] < spec["completions"]:
            return self._make_pod(job, f"{job['metadata']['name']}-{store.number()}") or moved
        return moved

    def _find_end(self, job: Json, status: Json, pods: list[Json]) -> Json | None:
        """Find why a Job is to end, and what it is to be called."""
        spec = job["spec"]
        if status["succeeded"] >= spec["completions"]:
            return make_condition(
                self._store, "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"
            )
        if any(self._is_fatal(job, pod) for pod in pods):
            return make_condition(
                self._store, "FailureTarget", "PodFailurePolicy", "Container main failed with a fatal exit code"
            )
        if status["failed"] > spec["backoffLimit"]:
            message = "Job has reached the specified backoff limit"
            return make_condition(self._store, "FailureTarget", "BackoffLimitExceeded", message)
        deadline_s = spec.get("activeDeadlineSeconds")
        if deadline_s is not None and "startTime" in status:
            began = datetime.fromisoformat(status["startTime"])
            if self._store.now() >= began + timedelta(seconds=deadline_s):
                message = "Job was active longer than specified deadline"
                return make_condition(self._store, "FailureTarget", "DeadlineExceeded", message)
        return None

    def _is_fatal(self, job: Json, pod: Json) -> bool:
        codes = {c["state"]["terminated"]["exitCode"] for c in list_statuses(pod) if "terminated" in c["state"]}
        rules = job["spec"].get("podFailurePolicy", {}).get("rules", ())
        fatal = [set(rule["onExitCodes"]["values"]) for rule in rules if rule["action"] == "FailJob"]
        return phase_of(pod) == "Failed" and any(codes & values for values in fatal)

    def _is_ignored(self, job: Json, pod: Json) -> bool:
        """Tell whether a failure does not count: the pod was ended from outside, and the Job says to ignore that."""
        rules = job["spec"].get("podFailurePolicy", {}).get("rules", ())
        disrupted = any(c["type"] == "DisruptionTarget" for c in pod["status"].get("conditions", ()))
        return disrupted and any(rule["action"] == "Ignore" for rule in rules)

    # Deployments

    def _look_at_deployment(self, deployment: Json) -> bool:
        store, spec = self._store, deployment["spec"]
        if "deletionTimestamp" in deployment["metadata"]:
            return False
        sets = store.owned("replicasets", deployment)
        hash_ = hashlib.sha256(json.dumps(spec["template"], sort_keys=True).encode()).hexdigest()[:10]
        name = f"{deployment['metadata']['name']}-{hash_}"
        current = next((each for each in sets if each["metadata"]["name"] == name), None)
        if spec.get("paused") and (current is None or current["spec"]["replicas"] != spec["replicas"]):
            return self._tell_progress(deployment, sets, current)
        old = [each for each in sets if each is not current]
        recreates = spec["strategy"]["type"] == "Recreate"
        if recreates and any(store.owned("pods", each) for each in old):
            return any(self._scale(each, 0) for each in old) or self._tell_progress(deployment, sets, current)
        if current is None:
            store.create(
                "replicasets", deployment["metadata"]["namespace"], self._build_set(deployment, name, hash_), "c"
            )
            return True
        moved = self._scale(current, spec["replicas"])
        if current.get("status", {}).get("readyReplicas", 0) >= spec["replicas"]:
            moved |= any(self._scale(each, 0) for each in old)
        return moved | self._tell_progress(deployment, sets, current)

    def _build_set(self, deployment: Json, name: str, hash_: str) -> Json:
        template = deployment["spec"]["template"]
        labels = {**template["metadata"]["labels"], "pod-template-hash": hash_}
        return {
            "metadata": {"name": name, "labels": labels, "ownerReferences": [_refer_to(deployment)]},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"pod-template-hash": hash_}},
                "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
            },
        }

    def _scale(self, replica_set: Json, replicas: int) -> bool:
        if replica_set["spec"]["replicas"] == replicas:
            return False
        spec = {**replica_set["spec"], "replicas": replicas}
        self._store.save(key_of(replica_set), {**replica_set, "spec": spec})
        return True

    def _tell_progress(self, deployment: Json, sets: list[Json], current: Json | None) -> bool:
        spec, status = deployment["spec"], deployment.get("status", {})
        counts = [each.get("status", {}) for each in sets]
        updated = 0 if current is None else current.get("status", {}).get("replicas", 0)
        fresh = 0 if current is None else current.get("status", {}).get("readyReplicas", 0)
        ready = sum(count.get("readyReplicas", 0) for count in counts)
        replicas = sum(count.get("replicas", 0) for count in counts)
        done = updated == replicas == fresh == spec["replicas"]
        new = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": replicas,
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": [self._judge_progress(deployment, (updated, ready, replicas), done=done)],
        }
        return self._store.set_status(deployment, {key: value for key, value in {**status, **new}.items() if value})

    def _judge_progress(self, deployment: Json, counts: tuple[int, ...], *, done: bool) -> Json:
        """Give the condition Progressing: it fails when for its time nothing has changed, until something does."""
        metadata, now = deployment["metadata"], self._store.now()
        come_to = (metadata["generation"], counts)
        before: Json | None = next(iter(deployment.get("status", {}).get("conditions", ())), None)
        known, since = self._progress.get(metadata["uid"], (None, now))
        if known != come_to:
            self._progress[metadata["uid"]] = come_to, now
            since = now
        is_late = now >= since + timedelta(seconds=deployment["spec"]["progressDeadlineSeconds"])
        is_observed = deployment.get("status", {}).get("observedGeneration") == metadata["generation"]
        if before and is_observed and before["reason"] == "NewReplicaSetAvailable":
            return before  # what becomes of the pods later says nothing about the rollout
        reason = "NewReplicaSetAvailable" if done else "ProgressDeadlineExceeded" if is_late else "ReplicaSetUpdated"
        if before and known == come_to and before["reason"] == reason:
            return before
        message = f'ReplicaSet of "{metadata["name"]}": {reason}'
        failed = reason == "ProgressDeadlineExceeded"
        return make_condition(self._store, "Progressing", reason, message, "False" if failed else "True")

    def _look_at_replica_set(self, replica_set: Json) -> bool:
        store, wanted = self._store, replica_set["spec"]["replicas"]
        if "deletionTimestamp" in replica_set["metadata"]:
            return False
        pods = [p for p in store.owned("pods", replica_set) if not is_finished(p)]
        pods = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        if len(pods) < wanted:
            return self._make_pod(replica_set, f"{replica_set['metadata']['name']}-{store.number()}")
        for pod in pods[wanted:]:
            store.delete(key_of(pod))
            return True
        ready = sum(is_ready(pod) for pod in pods)
        return store.set_status(replica_set, {"replicas": len(pods), "readyReplicas": ready})

    def _make_pod(self, owner: Json, name: str) -> bool:
        return self._make_pod_of(owner, name, owner["spec"]["template"])

    def _make_pod_of(self, owner: Json, name: str, template: Json) -> bool:
        namespace = owner["metadata"]["namespace"]
        if self.refusal:
            return self._tell_refusal(owner)
        metadata = {**template.get("metadata", {}), "name": name, "ownerReferences": [_refer_to(owner)]}
        spec = {**template["spec"], "containers": [*template["spec"]["containers"], *self.injected]}
        self._store.create("pods", namespace, {"metadata": metadata, "spec": spec}, "controllers")
        return True

    def _tell_refusal(self, owner: Json) -> bool:
        """Write an Event about a pod that was refused: one for all tries."""
        about = {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        if self._store.find("events", match=lambda event: event["involvedObject"] == about):
            return False
        body = {"metadata": {"generateName": f"{about['name']}."}, "involvedObject": about, "count": 1}
        said = {"reason": "FailedCreate", "message": f"Error creating: {self.refusal}", "type": "Warning"}
        times = {"firstTimestamp": self._store.stamp(), "lastTimestamp": self._store.stamp()}
        self._store.create("events", owner["metadata"]["namespace"], {**body, **said, **times}, "controllers")
        return True


def _refer_to(owner: Json) -> Json:
    metadata = owner["metadata"]
    head = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {**head, "controller": True, "blockOwnerDeletion": True}
