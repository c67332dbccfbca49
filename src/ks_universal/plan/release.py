"""A release as the plan sees it: its objects by identity, its applications, and what pods use of it."""

from collections.abc import Iterable, Iterator

import msgspec

from ks_universal.json_types import Json
from ks_universal.model.format.migrations import When
from ks_universal.model.kubernetes.makers import list_made
from ks_universal.plan.extras import Extras
from ks_universal.resources.access import BINDING_KINDS, ROLE_KINDS, is_bound, name_role
from ks_universal.resources.extra_objects import is_early
from ks_universal.resources.objects import Migration, ObjectRef, Rendered, object_ref, read_template
from ks_universal.resources.references import Reference, read_content, read_references

CONFIGURATION = frozenset(("ConfigMap", "Secret"))
PREREQUISITE_KINDS = frozenset(
    ("NetworkPolicy", "PersistentVolumeClaim", "ResourceQuota", "ServiceAccount", *ROLE_KINDS, *BINDING_KINDS)
)
"""Kinds that are applied before anything else: migrations need them, and running pods don't notice."""
COMPANION_KINDS = frozenset(
    ("HTTPRoute", "HorizontalPodAutoscaler", "Ingress", "PodDisruptionBudget", "ResourceQuota", "ServiceMonitor")
)
"""Kinds without which a pod that is told to stop ends as well; of any other kind it may need what leaves."""

_NOT_READ_BY_CONTAINERS = frozenset(("imagePullSecrets", "serviceAccountName"))


class App(msgspec.Struct, frozen=True, kw_only=True):
    """An application of a release: its workload (None where there are only migrations) and its migrations."""

    name: str
    workload: Json | None = None
    migrations: tuple[Migration, ...] = ()

    @property
    def workloads(self) -> tuple[Json, ...]:
        """The workload and the Jobs of the migrations."""
        own = () if self.workload is None else (self.workload,)
        return (*own, *(migration.body for migration in self.migrations))

    @property
    def when(self) -> When:
        """When the migrations run; all of an application run together or not."""
        return self.migrations[0].when if self.migrations else When.CHANGED


class Release:
    """The objects and applications of a release. What pods name is found in the namespace of their workload."""

    def __init__(self, rendered: Rendered) -> None:
        self.rendered = rendered
        self.objects = {object_ref(resource.body): resource for resource in rendered.objects}
        self.apps = _find_apps(rendered)
        self._namespace = rendered.namespace
        self._made_for: dict[str | None, list[ObjectRef]] = {}
        for ref, resource in self.objects.items():
            self._made_for.setdefault(resource.application, []).append(ref)
        self._extras = Extras(rendered)
        self._bindings = [ref for ref in self.objects if ref.kind in BINDING_KINDS]

    def step_id(self, ref: ObjectRef) -> str:
        """Give the id of the step that applies an object: unique, and short where it is in the release's namespace."""
        elsewhere = ref.namespace not in ("", self._namespace)
        return f"{ref} in {ref.namespace}" if elsewhere else str(ref)

    def list_made_for(self, application: str | None) -> Iterable[ObjectRef]:
        """List the objects that were made for an application; None: for no single one."""
        return self._made_for.get(application, ())

    def find_configuration(self, workload: Json) -> tuple[ObjectRef, ...]:
        """Find the ConfigMaps and Secrets that the containers of a workload read, as environment or files."""
        read = {key: value for key, value in pod_of(workload).items() if key not in _NOT_READ_BY_CONTAINERS}
        references = read_references(read)
        return self._resolve(workload, (reference for reference in references if reference[0] in CONFIGURATION))

    def read_content(self, workload: Json) -> dict[ObjectRef, dict[str, str]]:
        """Read what the containers of a workload get of the release's ConfigMaps and Secrets, by key."""
        read: dict[ObjectRef, dict[str, str]] = {}
        for reference, keys in read_content(pod_of(workload)).items():
            for ref in self._resolve(workload, (reference,)):
                entries = entries_of(self.objects[ref].body)
                read[ref] = {key: value for key, value in entries.items() if keys is None or key in keys}
        return read

    def find_pod_dependencies(self, workload: Json) -> tuple[ObjectRef, ...]:
        """Find what pods need beside configuration: account, claims, pull secrets; also those of the account."""
        read = set(self.find_configuration(workload))
        found = list(self._resolve(workload, read_references(pod_of(workload))))
        for ref in tuple(found):
            if ref.kind == "ServiceAccount":
                secrets = self.objects[ref].body.get("imagePullSecrets", ())
                found += self._resolve(workload, (("Secret", secret["name"]) for secret in secrets))
        return tuple(ref for ref in dict.fromkeys(found) if ref not in read)

    def find_makers(self, workload: Json) -> tuple[ObjectRef, ...]:
        """Find the extra objects that make the ConfigMaps and Secrets which the pods of a workload name."""
        namespace = object_ref(workload).namespace
        refs = (ObjectRef(kind, namespace, name) for kind, name in read_references(pod_of(workload)))
        return tuple(dict.fromkeys(self._extras.makers[ref] for ref in refs if ref in self._extras.makers))

    def is_prerequisite(self, ref: ObjectRef) -> bool:
        """Tell whether an object is applied before anything else: see PREREQUISITE_KINDS and `makers.Stage`."""
        return ref.kind in PREREQUISITE_KINDS or is_early(self.objects[ref])

    def find_definitions(self, body: Json) -> Iterator[ObjectRef]:
        """Find what has to be there before an object can be made: see `Extras.find_definitions`."""
        return self._extras.find_definitions(body)

    def find_rights(self, workload: Json) -> Iterator[ObjectRef]:
        """Find the bindings that give the account of a workload's pods its rights, each with the role that it gives."""
        for ref in self._bindings:
            binding = self.objects[ref].body
            if _is_bound(binding, workload):
                yield ref
                role = ObjectRef(*name_role(binding))
                if role in self.objects:
                    yield role

    def _resolve(self, workload: Json, references: Iterable[Reference]) -> tuple[ObjectRef, ...]:
        namespace = object_ref(workload).namespace
        refs = (ObjectRef(kind, namespace, name) for kind, name in references)
        return tuple(ref for ref in refs if ref in self.objects)


def uses(workload: Json, ref: ObjectRef, body: Json | None) -> bool:
    """Tell whether pods of a workload need an object, of which `body` is what is there, as long as they run.

    That is what they name and what makes that, the rights of their account, and the policies that guard them.
    """
    if ref.kind in BINDING_KINDS:
        return body is not None and _is_bound(body, workload)
    if ref.namespace != object_ref(workload).namespace:
        return False
    if ref.kind == "NetworkPolicy" and body is not None:
        labels = read_template(workload)["metadata"].get("labels") or {}
        return (body["spec"]["podSelector"].get("matchLabels") or {}).items() <= labels.items()
    made = () if body is None else list_made(body)
    return not {(ref.kind, ref.name), *made}.isdisjoint(read_references(pod_of(workload)))


def _is_bound(binding: Json, workload: Json) -> bool:
    return is_bound(binding, pod_of(workload).get("serviceAccountName", "default"), object_ref(workload).namespace)


def pod_of(workload: Json) -> Json:
    """Give the PodSpec of what makes pods."""
    pod: Json = read_template(workload)["spec"]
    return pod


def content_of(config: Json) -> Json:
    """Give what those who read a ConfigMap or Secret see of it."""
    return {field: config.get(field) or {} for field in ("data", "binaryData", "stringData")}


def entries_of(config: Json) -> dict[str, str]:
    """Give the entries of a ConfigMap or Secret by their keys."""
    return {key: value for entries in content_of(config).values() for key, value in entries.items()}


def _find_apps(rendered: Rendered) -> dict[str, App]:
    workloads = rendered.workloads
    migrations: dict[str, list[Migration]] = {name: [] for name in workloads}
    for migration in rendered.migrations:
        migrations.setdefault(migration.application, []).append(migration)
    return {
        name: App(name=name, workload=workloads[name].body if name in workloads else None, migrations=tuple(steps))
        for name, steps in migrations.items()
    }
