"""Where in the values an object comes from, for findings about objects."""

from collections.abc import Iterator

import msgspec

from ks_universal.resources.objects import Json, Rendered, Resource
from ks_universal.values.nodes import format_path

_SECTIONS = {
    "CronJob": "cronJobs",
    "HorizontalPodAutoscaler": "hpas",
    "Ingress": "ingresses",
    "Job": "jobs",
    "NetworkPolicy": "networkPolicies",
    "PersistentVolumeClaim": "persistentVolumeClaims",
    "ResourceQuota": "resourceQuotas",
    "Service": "services",
}


class Placed(msgspec.Struct, frozen=True):
    """An object and the key of the values that it is made from: `deployments.my-app.migrations`."""

    body: Json
    key: str

    def __str__(self) -> str:
        return f"{self.body['kind']}/{self.body['metadata']['name']}"

    def find_key(self, field: str, place: str = "", container: str = "") -> str:
        """Find the key of a field of the pod or, with `place` (`containers`), of a container.

        A migration says at one place what is so for its pod and for the container that migrates.
        """
        is_migration = self.body["kind"] == "Job" and self.key.startswith("deployments.")
        if not place or (is_migration and place == "containers"):
            return f"{self.key}.{field}"
        return f"{self.key}.{place}.{container}.{field}"


def list_placed(rendered: Rendered) -> Iterator[Placed]:
    """List all objects of a release, the Jobs of migrations and of their undoing included."""
    for resource in rendered.objects:
        yield Placed(resource.body, _key_of(resource))
    for migration in rendered.migrations:
        key = format_path(("deployments", migration.application, "migrations"))
        yield from (Placed(body, key) for body in (migration.body, *migration.undo))


def _key_of(resource: Resource) -> str:
    if resource.application is not None:
        return format_path(("deployments", resource.application))
    kind: str = resource.body["kind"]
    return format_path((_SECTIONS.get(kind, kind), resource.body["metadata"]["name"]))
