"""Staged copies: a migration reads new configuration before the running application sees it."""

from typing import Any

import msgspec

from ks_universal.json_types import Json
from ks_universal.plan.fingerprints import digest
from ks_universal.plan.release import Release, pod_of
from ks_universal.resources.objects import Migration
from ks_universal.resources.references import rename_references

_DIGEST_LENGTH = 8
_LONGEST_NAME = 253


def stage(migration: Migration, release: Release) -> tuple[Migration, tuple[Json, ...]]:
    """Give a migration that reads copies of the release's configuration, and these copies.

    Copied is what the Job's containers read and the release has; anything else keeps its name.
    """
    job = migration.body["metadata"]["name"]
    read = release.find_configuration(migration.body)
    copies = {(ref.kind, ref.name): _copy(release.objects[ref].body, job) for ref in read}
    names = {reference: copy["metadata"]["name"] for reference, copy in copies.items()}
    body = _with_pod(migration.body, rename_references(pod_of(migration.body), names))
    return msgspec.structs.replace(migration, body=body), tuple(copies.values())


def _copy(config: Json, job: str) -> Json:
    """Copy a config under a name that says its content; annotations, which other controllers act on, are left."""
    metadata: dict[str, Any] = {key: value for key, value in config["metadata"].items() if key != "annotations"}
    suffix = f"-{digest(config)[:_DIGEST_LENGTH]}"
    name = f"{job}-{metadata['name']}"[: _LONGEST_NAME - len(suffix)].rstrip("-.")
    return {**config, "metadata": {**metadata, "name": name + suffix}, "immutable": True}


def _with_pod(job: Json, pod: Json) -> Json:
    spec = job["spec"]
    return {**job, "spec": {**spec, "template": {**spec["template"], "spec": pod}}}
