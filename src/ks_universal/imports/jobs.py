"""Jobs: those that run migrations become `migrations` of the deployment that they belong to, hooks become `jobs`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ks_universal.imports.clean import clean_object
from ks_universal.imports.draft import Draft
from ks_universal.imports.hooks import Hook, find_wave, is_called_migration, migrates, read_hook
from ks_universal.imports.migrations import Owner, Step, find_owner, read_step
from ks_universal.imports.read import Found, is_known
from ks_universal.imports.workloads import read_workload
from ks_universal.json_types import Json
from ks_universal.model.format.images import split_image
from ks_universal.resources.references import Reference, rename_references

_DATABASE = re.compile(r"postgres|pgbouncer|pgpool|mysql|mariadb|mongo|cockroach|clickhouse|cassandra")


class Gate(msgspec.Struct, frozen=True):
    """The migrations of a deployment, what to say of them, and the Jobs that they were."""

    entry: Json
    comments: tuple[str, ...]
    jobs: tuple[Found, ...]


class _Migration(msgspec.Struct, frozen=True):
    """A Job that becomes a step."""

    found: Found
    body: Json
    hook: Hook | None
    owner: Owner

    @property
    def is_post(self) -> bool:
        return self.hook is not None and self.hook.is_only_after_upgrades

    @property
    def place(self) -> tuple[bool, bool, int, str]:
        """When it runs among the steps of its deployment: as Helm and Argo CD order hooks."""
        weight = find_wave(self.found.body) if self.hook is None else self.hook.weight
        late = self.hook is None or not any(event.startswith("pre-") for event in self.hook.events)
        return self.is_post, late, weight, self.found.name


def put_jobs(objects: Sequence[Found], draft: Draft) -> tuple[list[Found], dict[str, Gate]]:
    """Put the Jobs that are hooks, or run migrations; gives the objects that are left, and the migrations by owner."""
    objects, names = _merge_copies(objects, draft)
    deployments = {f.name: clean_object(f.body) for f in objects if f.kind == "Deployment" and is_known(f.body)}
    jobs = [found for found in objects if found.kind == "Job" and is_known(found.body)]
    migrations: list[_Migration] = []
    left = [found for found in objects if found not in jobs]
    for found in jobs:
        body, hook = _rename(clean_object(found.body), names), read_hook(found.body)
        owner = find_owner(body, deployments)
        if owner is not None and _is_migration(body, hook, owner):
            migrations.append(_Migration(found, body, hook, owner))
        else:
            _put_job(found, body, hook, draft)
    gates = dict(_build_gates(migrations, deployments, objects, draft))
    return left, gates


def _is_migration(job: Json, hook: Hook | None, owner: Owner) -> bool:
    """Tell whether a Job is to run as migrations do: by its commands, its name, or as it gates each upgrade already."""
    if migrates(job) or (hook is not None and is_called_migration(job)):
        return True
    return hook is not None and "pre-upgrade" in hook.events and owner.is_of_image


def _merge_copies(objects: Sequence[Found], draft: Draft) -> tuple[list[Found], dict[Reference, str]]:
    """Leave out the copies of configuration that Helm makes for hooks alone; gives the names that they replace.

    A migration of this program reads the new configuration before the application does: it needs no copy.
    """
    originals = {
        (found.kind, repr(sorted(_content(found).items()))): found
        for found in objects
        if found.kind in ("ConfigMap", "Secret") and read_hook(found.body) is None
    }
    names: dict[Reference, str] = {}
    kept = []
    for found in objects:
        is_copy = found.kind in ("ConfigMap", "Secret") and read_hook(found.body) is not None and _content(found)
        original = originals.get((found.kind, repr(sorted(_content(found).items())))) if is_copy else None
        if original is None:
            kept.append(found)
        else:
            names[found.kind, found.name] = original.name
            draft.leave_out(found, f"it is a copy of {original}, which migrations read before the application does")
    return kept, names


def _content(found: Found) -> Json:
    return {**(found.body.get("data") or {}), **(found.body.get("stringData") or {})}


def _rename(job: Json, names: dict[Reference, str]) -> Json:
    template = job["spec"]["template"]
    pod = rename_references(template["spec"], names)
    return {**job, "spec": {**job["spec"], "template": {**template, "spec": pod}}}


def _put_job(found: Found, body: Json, hook: Hook | None, draft: Draft) -> None:
    entry = {**draft.place(found), **read_workload(body, draft.release).entry}
    if hook is not None:
        once = hook.is_only_at_install
        entry = {**({"when": "install"} if once else {}), "wait": True, **entry}
        draft.say(("jobs", found.name), f"It was a hook ({hook}).")
        if once:
            text = "It runs in the first deploy of these values: leave it out if it has done its work already."
            draft.say(("jobs", found.name, "when"), text)
    draft.put("jobs", found.name, entry, Found(body, found.where))


def _build_gates(
    migrations: Sequence[_Migration], deployments: dict[str, Json], objects: Sequence[Found], draft: Draft
) -> Iterator[tuple[str, Gate]]:
    by_owner: dict[str, list[_Migration]] = defaultdict(list)
    for migration in migrations:
        by_owner[migration.owner.name].append(migration)
    for name, own in by_owner.items():
        steps = []
        always = [m for m in own if m.hook is None or not m.hook.is_only_at_install]
        for migration in own:
            if always and migration not in always:
                _put_job(migration.found, migration.body, migration.hook, draft)
            else:
                steps.append(migration)
        yield name, _build_gate(name, sorted(steps, key=lambda m: m.place), deployments, objects, draft)


def _build_gate(
    name: str, migrations: Sequence[_Migration], deployments: dict[str, Json], objects: Sequence[Found], draft: Draft
) -> Gate:
    comments, entries = [], []
    for migration in migrations:
        step = read_step(migration.body, deployments[name], migration.owner)
        entry = {**({"phase": "post"} if migration.is_post else {}), **step.entry}
        needed = _find_databases(migration, name, deployments, objects)
        if needed:
            entry["dependsOn"] = needed
        step_name = None if len(migrations) == 1 else _name_step(migration.found.name, name)
        entries.append(entry if step_name is None else {"name": step_name, **entry})
        comments.append(_describe(migration))
        draft.migrations.append((migration.found, migration.body, name, step_name))
        _report_lost(migration, step, draft)
    steps = entries[0] if len(entries) == 1 else {"steps": entries}
    return Gate({"enabled": True, **steps}, tuple(comments), tuple(m.found for m in migrations))


def _describe(migration: _Migration) -> str:
    when = f" (a hook: {migration.hook})" if migration.hook else ""
    text = f"Was {migration.found}{when}; it belongs here because {migration.owner.reason}."
    if migration.hook and not migration.is_post and not any(e.startswith("pre-") for e in migration.hook.events):
        text += " It ran after the new version had started; here it runs before."
    return text


def _report_lost(migration: _Migration, step: Step, draft: Draft) -> None:
    if step.lost:
        what = " and ".join(step.lost)
        message = f"{migration.found} has {what} beside the one that migrates, and a step of migrations has one"
        hint = "make it an init container, or a step of its own"
        draft.warn("import/differs", message, migration.found, hint)


def _find_databases(
    migration: _Migration, owner: str, deployments: dict[str, Json], objects: Iterable[Found]
) -> list[str]:
    """Find the databases among the deployments that a Job names: they have to be ready before it."""
    if migration.hook is not None and any(event.startswith("pre-") for event in migration.hook.events):
        return []
    text = repr(migration.body["spec"]["template"]["spec"])
    found = []
    for name, deployment in deployments.items():
        pod = deployment["spec"]["template"]
        images = (split_image(c.get("image", ""))[0].rpartition("/")[2] for c in pod["spec"]["containers"])
        if name == owner or not any(map(_DATABASE.search, images)):
            continue
        labels = (pod.get("metadata") or {}).get("labels", {})
        services = (
            each.name
            for each in objects
            if each.kind == "Service"
            and is_known(each.body)
            and (each.body["spec"].get("selector") or {"": ""}).items() <= labels.items()
        )
        if any(re.search(rf"\b{re.escape(service)}\b", text) for service in services):
            found.append(name)
    return found


def _name_step(job: str, owner: str) -> str:
    """Name a step by its Job, without the words that the deployment's name has, too."""
    words, theirs = job.split("-"), owner.split("-")
    while len(words) > 1 and theirs and words[0] == theirs[0]:
        words, theirs = words[1:], theirs[1:]
    return "-".join(words)
