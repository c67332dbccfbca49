"""A release as the plan sees it: its objects by reference, and its applications with what each is made of."""

import msgspec

from ks_universal.resources.objects import Json, Migration, Rendered, Resource
from ks_universal.resources.references import Reference, read_references

CONFIGURATION = ("ConfigMap", "Secret")
_NOT_READ_BY_CONTAINERS = ("imagePullSecrets", "serviceAccountName")

Objects = dict[Reference, Resource]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An application of a release. `reads` is the configuration that its running pods read."""

    name: str
    deployment: Json | None = None
    migrations: tuple[Migration, ...] = ()

    @property
    def pod(self) -> Json:
        """The PodSpec of the running application; empty where there is no Deployment."""
        return pod_of(self.deployment) if self.deployment is not None else {}

    @property
    def pods(self) -> tuple[Json, ...]:
        """The PodSpecs of the application and its migrations."""
        return (self.pod, *(pod_of(migration.body) for migration in self.migrations))


def pod_of(workload: Json) -> Json:
    """Give the PodSpec of a Deployment or Job."""
    pod: Json = workload["spec"]["template"]["spec"]
    return pod


def index_objects(rendered: Rendered) -> Objects:
    """Index the objects of a release by what pods call them: kind and name."""
    return {(resource.body["kind"], resource.body["metadata"]["name"]): resource for resource in rendered.objects}


def find_members(rendered: Rendered) -> dict[str, Member]:
    """Find the applications of a release, in the order of their Deployments."""
    deployments = {r.application: r.body for r in rendered.objects if r.application and r.body["kind"] == "Deployment"}
    migrations: dict[str, list[Migration]] = {name: [] for name in deployments}
    for migration in rendered.migrations:
        migrations.setdefault(migration.application, []).append(migration)
    return {
        name: Member(name=name, deployment=deployments.get(name), migrations=tuple(steps))
        for name, steps in migrations.items()
    }


def read_configuration(pod: Json) -> tuple[Reference, ...]:
    """List the ConfigMaps and Secrets that the containers of a pod read, as environment or files."""
    read = {key: value for key, value in pod.items() if key not in _NOT_READ_BY_CONTAINERS}
    return tuple(reference for reference in read_references(read) if reference[0] in CONFIGURATION)


def read_surroundings(pod: Json, objects: Objects) -> tuple[Reference, ...]:
    """List what a pod needs beside its configuration: account, claims, and pull secrets, also those of the account."""
    read = set(read_configuration(pod))
    references = [reference for reference in read_references(pod) if reference not in read]
    for reference in tuple(references):
        if reference[0] == "ServiceAccount" and reference in objects:
            secrets = objects[reference].body.get("imagePullSecrets", ())
            references += [("Secret", secret["name"]) for secret in secrets]
    return tuple(dict.fromkeys(references))


def content_of(config: Json) -> Json:
    """Give what those who read a ConfigMap or Secret see of it."""
    return {field: config.get(field) or {} for field in ("data", "binaryData", "stringData")}
