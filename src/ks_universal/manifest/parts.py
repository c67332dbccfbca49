"""The parts of a release for tools that apply objects and have no hooks: what migrations need, these, and the rest.

Such a tool cannot change a Job, and leaves one alone that is there already. So each migration's Job is named by what it
runs: it runs when that changes, and only then. Configuration it reads from copies that are named by their content; the
real objects are of the rest, which comes after the migrations.
"""

from collections.abc import Collection, Iterable, Iterator

import msgspec

from ks_universal.digests import digest_json, sha256_hex
from ks_universal.json_types import Json
from ks_universal.manifest.copies import CONFIGURATION, Copies, copy, copy_right, name_copies, use_copies
from ks_universal.manifest.uses import find_needed, find_rights, find_used_by, list_pull_secrets
from ks_universal.model.format.migrations import Phase
from ks_universal.model.kubernetes.makers import list_made
from ks_universal.resources.extra_objects import describe, is_early
from ks_universal.resources.objects import Migration, ObjectRef, Rendered, Resource, object_ref, rename
from ks_universal.resources.references import read_content, read_references

_DIGEST_LENGTH = 8
_LONGEST_JOB_NAME = 63
_LONGEST_NAME = 253
_OF_ALL = frozenset(("NetworkPolicy", "ResourceQuota"))
"""Kinds that pods of a migration may need without naming them."""
_ENTRIES = ("data", "binaryData", "stringData")


class Needed(msgspec.Struct, frozen=True):
    """What migrations need. `is_shared`: it is no copy; what runs uses it, too, so it must not go before its users."""

    body: Json
    is_shared: bool = False


class Parts(msgspec.Struct, frozen=True):
    """A release in parts, each in apply order: `jobs` are those of the migrations, in run order."""

    needs: tuple[Needed, ...]
    jobs: tuple[tuple[Migration, Json], ...]
    rest: tuple[Resource, ...]

    def list_jobs(self, phase: Phase) -> list[tuple[Migration, Json]]:
        """List the Jobs of the migrations of a phase."""
        return [(migration, body) for migration, body in self.jobs if migration.phase is phase]


def divide(rendered: Rendered, early_applications: Collection[str] = ()) -> Parts:
    """Divide a release into what migrations need, the Jobs of these, and the rest.

    What `early_applications` use is among the first, for they come before a migration, too.
    """
    before = [migration.body for migration in rendered.migrations if migration.phase is Phase.PRE]
    needed = find_needed(rendered, before)
    early = {ref for ref in needed if ref.kind not in CONFIGURATION} | set(list_pull_secrets(rendered, before))
    early |= find_used_by(rendered, early_applications)
    rights = find_rights(rendered, before) - early
    cut = _cut_configuration(rendered, before, (ref for ref in needed if ref.kind in CONFIGURATION))
    copies = {ref: _name_by_content(body) for ref, body in cut.items()}
    copies |= name_copies(rendered, sorted(rights))
    needs, rest = [], []
    for resource in rendered.objects:
        ref, body = object_ref(resource.body), resource.body
        if ref in copies:
            needs.append(Needed(_copy(cut.get(ref, body), copies)))
        if ref in early or is_early(resource):
            needs.append(Needed(body, is_shared=True))
        elif ref.kind in _OF_ALL:
            needs.append(Needed(body))
        else:
            rest.append(resource)
    return Parts(tuple(needs), tuple(_name_jobs(rendered, copies)), tuple(rest))


def _cut_configuration(rendered: Rendered, jobs: Iterable[Json], refs: Iterable[ObjectRef]) -> dict[ObjectRef, Json]:
    """Give the configuration that Jobs name with no more keys than they read: what else is in it changes nothing."""
    bodies = {object_ref(resource.body): resource.body for resource in rendered.objects}
    keys = _read_keys(jobs)
    return {ref: _cut(bodies[ref], keys[ref]) for ref in refs if ref in keys}


def _read_keys(jobs: Iterable[Json]) -> dict[ObjectRef, frozenset[str] | None]:
    """Give the configuration that Jobs read with the keys that they read of it; None: all."""
    read: dict[ObjectRef, frozenset[str] | None] = {}
    for job in jobs:
        namespace, content = object_ref(job).namespace, read_content(job["spec"]["template"]["spec"])
        for kind, name in read_references(job["spec"]["template"]["spec"]):
            ref, keys = ObjectRef(kind, namespace, name), content.get((kind, name))
            known = read.get(ref, frozenset())
            read[ref] = None if keys is None or known is None else known | keys
    return read


def _cut(body: Json, keys: frozenset[str] | None) -> Json:
    if keys is None:
        return body
    cut = {
        field: {k: v for k, v in (body.get(field) or {}).items() if k in keys} for field in _ENTRIES if field in body
    }
    return {**body, **cut}


def _name_by_content(config: Json) -> str:
    suffix = f"-migrations-{digest_json(describe(config), _DIGEST_LENGTH)}"
    return str(config["metadata"]["name"])[: _LONGEST_NAME - len(suffix)].rstrip("-.") + suffix


def _copy(body: Json, copies: Copies) -> Json:
    """Copy what a migration needs: configuration that never changes, a role, or a binding of that role's copy."""
    if object_ref(body).kind in CONFIGURATION:
        return {**copy(body, copies), "immutable": True}
    return copy_right(body, copies)


def _name_jobs(rendered: Rendered, copies: Copies) -> Iterator[tuple[Migration, Json]]:
    """Name the Jobs of migrations; those of one application have one digest, so that all of them run, or none."""
    digests = {name: _digest(rendered, migrations) for name, migrations in _group(rendered.migrations).items()}
    configuration = {ref: name for ref, name in copies.items() if ref.kind in CONFIGURATION}
    for migration in rendered.migrations:
        job = migration.body if migration.phase is Phase.POST else use_copies(migration.body, configuration)
        yield migration, rename(job, _name_job(job["metadata"]["name"], digests[migration.application]))


def _group(migrations: Iterable[Migration]) -> dict[str, list[Migration]]:
    groups: dict[str, list[Migration]] = {}
    for migration in migrations:
        groups.setdefault(migration.application, []).append(migration)
    return groups


def _name_job(name: str, digest: str) -> str:
    longest = _LONGEST_JOB_NAME - _DIGEST_LENGTH - 1
    if len(name) > longest:
        digest = sha256_hex(f"{name} {digest}".encode())
    return f"{name[:longest].rstrip('-.')}-{digest[:_DIGEST_LENGTH]}"


def _digest(rendered: Rendered, migrations: Iterable[Migration]) -> str:
    """Digest what the migrations of an application run: their Jobs, and what these read of the release."""
    jobs = [migration.body for migration in migrations]
    keys = _read_keys(jobs)
    read = {}
    for resource in rendered.objects:
        ref = object_ref(resource.body)
        if ref.kind in CONFIGURATION and ref in keys:
            read[str(ref)] = describe(_cut(resource.body, keys[ref]))
        elif any(ObjectRef(kind, ref.namespace, name) in keys for kind, name in list_made(resource.body)):
            read[str(ref)] = describe(resource.body)
    return digest_json([[job["spec"] for job in jobs], read], 64)
