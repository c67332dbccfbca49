"""The objects of the fake API server: what it fills in and refuses, their versions, their removal, their history."""

import base64
import copy
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from support.fake_api_server import fields

Json = dict[str, Any]
Match = Callable[[Json], bool]


class Resource(NamedTuple):
    """A kind of object, and where it is served."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True


RESOURCES = {
    resource.plural: resource
    for resource in (
        Resource("v1", "Namespace", "namespaces", namespaced=False),
        Resource("v1", "Pod", "pods"),
        Resource("v1", "Secret", "secrets"),
        Resource("v1", "ConfigMap", "configmaps"),
        Resource("v1", "Service", "services"),
        Resource("v1", "ServiceAccount", "serviceaccounts"),
        Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
        Resource("v1", "Event", "events"),
        Resource("apps/v1", "Deployment", "deployments"),
        Resource("apps/v1", "ReplicaSet", "replicasets"),
        Resource("apps/v1", "StatefulSet", "statefulsets"),
        Resource("apps/v1", "DaemonSet", "daemonsets"),
        Resource("apps/v1", "ControllerRevision", "controllerrevisions"),
        Resource("batch/v1", "Job", "jobs"),
        Resource("batch/v1", "CronJob", "cronjobs"),
        Resource("coordination.k8s.io/v1", "Lease", "leases"),
        Resource("networking.k8s.io/v1", "Ingress", "ingresses"),
        Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
        Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
        Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
        Resource("ks-universal.io/v1alpha1", "Release", "releases"),
        Resource("cert-manager.io/v1", "Certificate", "certificates"),
        Resource("external-secrets.io/v1", "ExternalSecret", "externalsecrets"),
        Resource("external-secrets.io/v1", "ClusterSecretStore", "clustersecretstores", namespaced=False),
    )
}
PLURALS = {resource.kind: resource.plural for resource in RESOURCES.values()}


class Key(NamedTuple):
    """Where an object is."""

    plural: str
    namespace: str
    name: str


class Change(NamedTuple):
    """What happened to an object; a bookmark, where neither `before` nor `after` is there."""

    version: int
    key: Key
    before: Json | None
    after: Json | None


class Refused(Exception):  # noqa: N818 - named as the API's answers are
    """The server says no, with a Status."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
            "details": details,
        }


class Store:
    """All objects. Whoever uses it holds `changed`, which is told of each change."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.objects: dict[Key, Json] = {}
        self.history: list[Change] = []
        self.version = 100
        self.forgotten = 0
        """The version up to which the history is compacted."""
        self._ahead = timedelta()
        self._numbers = itertools.count(1)

    # time

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def stamp(self) -> str:
        """The time as objects have it: whole seconds."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def pass_time(self, seconds: float) -> None:
        """Let the server's clock jump."""
        with self.changed:
            self._ahead += timedelta(seconds=seconds)
            self.changed.notify_all()

    def number(self) -> str:
        """Five letters, each time later ones: the API server's are random, but what is sorted here is of one second."""
        number = next(self._numbers)
        return "".join(chr(ord("a") + number // 26**place % 26) for place in (4, 3, 2, 1, 0))

    # reading

    def find(self, plural: str, namespace: str | None = None, match: Match = lambda _: True) -> list[Json]:
        return [
            body
            for key, body in self.objects.items()
            if key.plural == plural and namespace in (None, key.namespace) and match(body)
        ]

    def get(self, key: Key) -> Json:
        if key not in self.objects:
            raise Refused(404, "NotFound", f'{key.plural} "{key.name}" not found', name=key.name, kind=key.plural)
        return self.objects[key]

    def owned(self, plural: str, owner: Json) -> list[Json]:
        """The objects that have an owner, oldest first."""
        return self.find(plural, owner["metadata"].get("namespace"), lambda body: has_owner(body, owner))

    # writing

    def create(self, plural: str, namespace: str, body: Json, manager: str, *, dry_run: bool = False) -> Json:
        metadata = body["metadata"]
        name = metadata.get("name") or metadata["generateName"] + self.number()
        key = Key(plural, namespace, name)
        if key in self.objects:
            raise Refused(409, "AlreadyExists", f'{plural} "{name}" already exists', name=name, kind=plural)
        empty: Json = {"metadata": {"name": name}}
        body = _convert({**head_of(plural), **body, "metadata": {**metadata, "name": name}})
        return self._make(key, fields.update(empty, body, manager, time=self.stamp()), dry_run=dry_run)

    def apply(self, key: Key, body: Json, manager: str, *, force: bool, dry_run: bool = False) -> Json:
        """Server-side apply."""
        live, uid = self.objects.get(key), body["metadata"].get("uid")
        if live is None and uid is not None:
            message = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            raise Refused(409, "Conflict", message)
        if live is not None and uid not in (None, live["metadata"]["uid"]):
            raise Refused(422, "Invalid", "metadata.uid: Invalid value: field is immutable")
        base = {**head_of(key.plural), "metadata": {"name": key.name}} if live is None else live
        body = _convert(body)
        try:
            merged = fields.apply(copy.deepcopy(base), body, manager, force=force, time=self.stamp())
        except fields.FieldConflict as conflict:
            causes = [
                {
                    "reason": "FieldManagerConflict",
                    "message": f'conflict with "{other}" using {base["apiVersion"]}',
                    "field": _write_path(path),
                }
                for other, path in conflict.pairs
            ]
            raise Refused(409, "Conflict", "Apply failed with conflicts", causes=causes) from None
        return self._make(key, merged, dry_run=dry_run) if live is None else self.save(key, merged, dry_run=dry_run)

    def update(self, key: Key, body: Json, manager: str) -> Json:
        """Replace an object, if it is of the version that `body` says."""
        live, metadata = self.get(key), body["metadata"]
        if metadata.get("resourceVersion") not in (None, live["metadata"]["resourceVersion"]):
            message = f'Operation cannot be fulfilled on {key.plural} "{key.name}": the object has been modified'
            raise Refused(409, "Conflict", message, name=key.name, kind=key.plural)
        if metadata.get("uid") not in (None, live["metadata"]["uid"]):
            raise Refused(409, "Conflict", "Precondition failed: UID in precondition does not match")
        return self.save(key, fields.update(live, {**head_of(key.plural), **body}, manager, time=self.stamp()))

    def save(self, key: Key, body: Json, *, dry_run: bool = False) -> Json:
        """Replace the object of its name; one that is the same stays as it is, with its version."""
        live = self.get(key)
        body = _fill_in(_convert(body))
        metadata = {**body["metadata"]}
        metadata |= {name: live["metadata"][name] for name in _SERVERS_OWN if name in live["metadata"]}
        body = {**body, "metadata": metadata, **({"status": live["status"]} if "status" in live else {})}
        if _without_times(body) == _without_times(live):
            return live
        _check(live, body)
        if body.get("spec") != live.get("spec") and "generation" in metadata:
            metadata["generation"] += 1
        if dry_run:
            return body
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and key.plural != "pods":
            return self._drop(key, body)
        return self._put(key, body)

    def save_status(self, key: Key, body: Json) -> Json:
        """Replace the status of an object, which is a resource of its own: nothing else of it changes."""
        live, uid = self.get(key), body["metadata"].get("uid")
        if uid not in (None, live["metadata"]["uid"]):
            raise Refused(409, "Conflict", "Precondition failed: UID in precondition does not match")
        self.set_status(live, body.get("status", {}))
        return self.get(key)

    def set_status(self, body: Json, status: Json) -> bool:
        """Write what a controller says of an object; tells whether that is new."""
        key = key_of(body)
        live = self.objects.get(key)
        if live is None or live.get("status") == status:
            return False
        self._put(key, {**live, "status": status})
        return True

    def delete(self, key: Key, *, uid: str | None = None, propagation: str = "Background") -> Json:
        live = self.get(key)
        metadata = live["metadata"]
        if uid not in (None, metadata["uid"]):
            raise Refused(409, "Conflict", f"Precondition failed: UID in precondition: {uid}")
        finalizers = [*metadata.get("finalizers", ())]
        if propagation == "Foreground" and "foregroundDeletion" not in finalizers and key.plural != "pods":
            finalizers.append("foregroundDeletion")
        grace_s = _read_grace_s(live) if key.plural == "pods" else 0
        if not finalizers and not grace_s:
            return self._drop(key, live)
        if "deletionTimestamp" in metadata:
            return live
        ends = (self.now() + timedelta(seconds=grace_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        marked = {**metadata, "deletionTimestamp": ends, "deletionGracePeriodSeconds": grace_s}
        return self._put(key, {**live, "metadata": marked | ({"finalizers": finalizers} if finalizers else {})})

    def remove(self, body: Json) -> None:
        """Have an object gone, as its finalizers or the kubelet have let go of it."""
        if key_of(body) in self.objects:
            self._drop(key_of(body), body)

    def tell_version(self) -> None:
        """Send a bookmark to all watches."""
        self._note(Key("", "", ""), None, None)

    def compact(self) -> None:
        """Forget what was: whoever begins to watch from before has to list again."""
        self.forgotten = self.version

    def _make(self, key: Key, body: Json, *, dry_run: bool) -> Json:
        resource = RESOURCES[key.plural]
        if resource.namespaced and Key("namespaces", "", key.namespace) not in self.objects:
            message = f'namespaces "{key.namespace}" not found'
            raise Refused(404, "NotFound", message, name=key.namespace, kind="namespaces")
        body = _fill_in(_convert(body))
        _check(None, body)
        place = {"namespace": key.namespace} if resource.namespaced else {}
        uid = f"00000000-0000-4000-8000-{next(self._numbers):012}"
        metadata = {**body["metadata"], "name": key.name, **place, "uid": uid, "creationTimestamp": self.stamp()}
        if key.plural in _COUNTED:
            metadata["generation"] = 1
        made = _name_pods({**body, "metadata": metadata})
        return made if dry_run else self._put(key, made)

    def _put(self, key: Key, body: Json) -> Json:
        before = self.objects.get(key)
        self.version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self.objects[key] = body
        self._note(key, before, body)
        return body

    def _drop(self, key: Key, body: Json) -> Json:
        before = self.objects.pop(key)
        self.version += 1
        gone = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self._note(key, {**before, "metadata": gone["metadata"]}, None)
        return gone

    def _note(self, key: Key, before: Json | None, after: Json | None) -> None:
        self.history.append(Change(self.version, key, before, after))
        self.changed.notify_all()


def head_of(plural: str) -> Json:
    """What an object of a kind says of it."""
    resource = RESOURCES[plural]
    return {"apiVersion": resource.api_version, "kind": resource.kind}


def key_of(body: Json) -> Key:
    return Key(PLURALS[body["kind"]], body["metadata"].get("namespace", ""), body["metadata"]["name"])


def has_owner(body: Json, owner: Json) -> bool:
    references = body["metadata"].get("ownerReferences", ())
    return any(reference["uid"] == owner["metadata"]["uid"] for reference in references)


def template_of(body: Json) -> Json | None:
    """The template of the pods that an object makes."""
    spec = body.get("spec", {})
    found: Json | None = spec.get("jobTemplate", {}).get("spec", spec).get("template")
    return found


def _read_grace_s(pod: Json) -> int:
    """Seconds that a pod may take to end; none where it has not begun, or has ended."""
    runs = pod["spec"].get("nodeName") and pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
    return int(pod["spec"]["terminationGracePeriodSeconds"]) if runs else 0


def _without_times(body: Json) -> Json:
    """What counts of an object where it is asked whether it has changed."""
    entries = [{**entry, "time": ""} for entry in body["metadata"].get("managedFields") or []]
    return {**body, "metadata": {**body["metadata"], "managedFields": entries}}


def _convert(body: Json) -> Json:
    """Put what a Secret says in `stringData` to its `data`."""
    if body.get("kind") != "Secret" or "stringData" not in body:
        return body
    texts = {key: base64.b64encode(text.encode()).decode() for key, text in body["stringData"].items()}
    rest = {key: value for key, value in body.items() if key != "stringData"}
    return {**rest, "data": {**body.get("data", {}), **texts}}


def _fill_in(body: Json) -> Json:
    """Fill in defaults: those of which the program knows."""
    body = copy.deepcopy(body)
    spec = body.get("spec", {})
    template = template_of(body)
    pods = [pod for pod in (spec if body["kind"] == "Pod" else None, template and template["spec"]) if pod]
    for pod in pods:
        pod.setdefault("restartPolicy", "Always")
        pod.setdefault("terminationGracePeriodSeconds", 30)
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            tag = container["image"].rpartition("/")[2].partition(":")[2]
            container.setdefault("imagePullPolicy", "Always" if tag in {"", "latest"} else "IfNotPresent")
    if body["kind"] == "Deployment":
        for name, value in {"replicas": 1, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10}.items():
            spec.setdefault(name, value)
        strategy = spec.setdefault("strategy", {})
        if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
            strategy.setdefault("rollingUpdate", {"maxUnavailable": "25%", "maxSurge": "25%"})
    _fill_in_sets(body, spec)
    if body["kind"] == "Job":
        for name, value in {"backoffLimit": 6, "completions": 1, "parallelism": 1, "suspend": False}.items():
            spec.setdefault(name, value)
    return body


def _fill_in_sets(body: Json, spec: Json) -> None:
    """Fill in the defaults of StatefulSets and DaemonSets."""
    if body["kind"] in {"StatefulSet", "DaemonSet"}:
        strategy = spec.setdefault("updateStrategy", {})
        if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
            strategy.setdefault(
                "rollingUpdate", {"partition": 0} if body["kind"] == "StatefulSet" else {"maxUnavailable": 1}
            )
    if body["kind"] == "StatefulSet":
        for name, value in {"replicas": 1, "podManagementPolicy": "OrderedReady"}.items():
            spec.setdefault(name, value)


def _name_pods(body: Json) -> Json:
    """Give a new Job the selector and the labels by which it knows its pods."""
    if body["kind"] != "Job":
        return body
    body = copy.deepcopy(body)
    uid, name, template = body["metadata"]["uid"], body["metadata"]["name"], body["spec"]["template"]
    own = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name, "job-name": name}
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**metadata.get("labels", {}), **own}
    body["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    return body


_COUNTED = frozenset(
    ("jobs", "deployments", "replicasets", "statefulsets", "daemonsets", "externalsecrets", "releases")
)
"""The kinds whose specs have a generation."""
_LARGEST_BYTES = 1 << 20
_SERVERS_OWN = (
    "uid",
    "creationTimestamp",
    "generation",
    "resourceVersion",
    "namespace",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
"""Of the metadata, what no request changes."""


def _check(live: Json | None, body: Json) -> None:
    """Refuse what the API server would, of that which the program may do."""
    ref = f'{body["kind"]}.{body["apiVersion"].partition("/")[0]} "{body["metadata"]["name"]}" is invalid: '
    fixed = ("serviceName", "podManagementPolicy", "selector", "volumeClaimTemplates")
    if live is not None and body["kind"] == "StatefulSet":
        if any(live["spec"].get(name) != body["spec"].get(name) for name in fixed):
            message = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are"
            raise Refused(422, "Invalid", f"{ref}{message} forbidden")
        if "rollingUpdate" in body["spec"]["updateStrategy"] and body["spec"]["updateStrategy"]["type"] == "OnDelete":
            raise Refused(422, "Invalid", f"{ref}spec.updateStrategy: Invalid value: only allowed for RollingUpdate")
    for path in _list_changed_forbidden(live, body):
        raise Refused(422, "Invalid", f"{ref}{path}: Invalid value: field is immutable")
    data = {**(body.get("data") or {}), **(body.get("binaryData") or {})}
    if body["kind"] in {"Secret", "ConfigMap"}:
        decoded = [base64.b64decode(text) if body["kind"] == "Secret" else text.encode() for text in data.values()]
        if sum(map(len, decoded)) > _LARGEST_BYTES:
            raise Refused(422, "Invalid", f"{ref}data: Too long: may not be more than 1048576 bytes")
    if body["kind"] == "Job" and body["spec"]["template"]["spec"]["restartPolicy"] == "Always":
        message = 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
        raise Refused(422, "Invalid", ref + message)
    strategy = body.get("spec", {}).get("strategy", {})
    if body["kind"] == "Deployment" and strategy.get("type") == "Recreate" and "rollingUpdate" in strategy:
        message = "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"
        raise Refused(422, "Invalid", ref + message)


def _list_changed_forbidden(live: Json | None, body: Json) -> Iterator[str]:
    if live is None:
        return
    forbidden = {"Job": ("template", "selector", "completions"), "Deployment": ("selector",)}.get(body["kind"], ())
    for name in forbidden:
        if live["spec"].get(name) != body["spec"].get(name):
            yield f"spec.{name}"
    if body["kind"] == "Secret" and live.get("type") != body.get("type"):
        yield "type"


def _write_path(path: fields.Path) -> str:
    """Write a path as the causes of a conflict have it: `.spec.template.spec.containers[name="main"].image`."""
    text = ""
    for part in path:
        if part.startswith("k:"):
            text += "[" + ",".join(f'{key}="{value}"' for key, value in fields.read_key(part).items()) + "]"
        else:
            text += f".{part[2:]}"
    return text
