"""References to ConfigMaps, Secrets and claims, wherever they may be written."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ks_universal.diagnostics import Position
from ks_universal.json_types import Json
from ks_universal.model.checks.environment import each_env_from
from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_container, each_settings, each_workload
from ks_universal.model.format.application import Application
from ks_universal.model.format.containers import EnvFrom, EnvVar
from ks_universal.model.format.extra import each_manifest, list_names
from ks_universal.model.format.sections import CONFIG_KINDS, Config, SecretRef, find_config, list_known_keys
from ks_universal.model.kubernetes.makers import list_made
from ks_universal.model.kubernetes.pod_sources import (
    ENV_FROM_SOURCES,
    ENV_SOURCES,
    PROJECTED_SOURCES,
    VOLUME_SOURCES,
)
from ks_universal.values.nodes import Path, locate

_THERE = "it must exist where the release runs"


class Reference(msgspec.Struct, frozen=True):
    """A ConfigMap or Secret that is named at `path`, and a key in it, at `key_path`."""

    path: Path
    kind: str
    name: str
    optional: bool = False
    key: str | None = None
    key_path: Path = ()


def check_references(application: Application, report: Report) -> None:
    """Check that what is referred to exists, where these values can tell; what others may have made is said once."""
    outside: dict[tuple[str, str], dict[Position, Path]] = {}
    for reference in each_reference(application):
        found = find_config(application.configs, reference.kind, reference.name)
        if found is not None:
            _check_key(reference, *found, report)
        elif not _check_extra(reference, application, report) and not _check_kind(reference, application, report):
            places = outside.setdefault((reference.kind, reference.name), {})
            places.setdefault(locate(report.tree, reference.path), reference.path)
    for (kind, name), places in outside.items():
        hint = _suggest_config(kind, name, application, report)
        _warn_outside("references/unknown-config", f"the {kind} '{name}'", places, hint, report)
    _check_claims(application, report)


def _check_key(reference: Reference, name: str, config: Config, report: Report) -> None:
    """Check that a config has the key that a reference names."""
    known = list_known_keys(config)
    if known is not None and reference.key is not None and reference.key not in known and not reference.optional:
        clause = f"is no key of the config '{name}'"
        report.error("references/unknown-key", reference.key_path, clause, report.suggest(reference.key, known))


def _check_kind(reference: Reference, application: Application, report: Report) -> bool:
    """Report a name that cannot be meant so; False: all that is wrong may be that these values do not have it."""
    if not reference.name:
        report.error("references/missing-name", reference.path, f"names no {reference.kind}")
        return True
    config = application.configs.get(reference.name)
    if config is None:
        # A config that could not be typed has its own finding.
        return reference.optional or reference.name in report.names_below("configs")
    kind = CONFIG_KINDS[config.type]
    if kind == reference.kind:
        return reference.optional
    clause = f"names the {reference.kind} '{reference.name}', but that config is a {kind}"
    hint = f"a {reference.kind} of this name is another config: configs: {{KEY: {{name: {reference.name}, ...}}}}"
    report.error("references/wrong-kind", reference.path, clause, hint)
    return True


def _check_extra(reference: Reference, application: Application, report: Report) -> bool:
    """Tell whether an extra object is, or makes, what is named; reports a key that one does not have."""
    for _, body in each_manifest(application.extra_objects):
        if (reference.kind, reference.name) in list_made(body):
            return True
        if (body["kind"], body["metadata"]["name"]) == (reference.kind, reference.name):
            keys = {key for field in ("data", "stringData", "binaryData") for key in body.get(field) or ()}
            if reference.key is not None and reference.key not in keys and not reference.optional:
                clause = f"is no key of the extra object {reference.kind}/{reference.name}"
                report.error("references/unknown-key", reference.key_path, clause, report.suggest(reference.key, keys))
            return True
    return False


def _check_claims(application: Application, report: Report) -> None:
    outside: dict[str, dict[Position, Path]] = {}
    extra = list_names(application.extra_objects, "PersistentVolumeClaim")
    for path, claim in each_claim(application):
        known = claim in report.names_below("persistentVolumeClaims") or claim in extra
        if not known and not _is_of_a_pod(claim, application):
            outside.setdefault(claim, {}).setdefault(locate(report.tree, path), path)
    for claim, places in outside.items():
        hint = _suggest_outside(claim, application.persistent_volume_claims, report)
        _warn_outside("references/unknown-claim", f"the claim '{claim}'", places, hint, report)


def _warn_outside(code: str, what: str, places: dict[Position, Path], hint: str, report: Report) -> None:
    """Warn of what these values do not contain, once, at the first of the places that name it."""
    path = next(iter(places.values()))
    among = f"; it is the first of {len(places)} places" if len(places) > 1 else ""
    report.warn(code, path, f"names {what}, which these values do not contain{among}", hint)


def _suggest_config(kind: str, name: str, application: Application, report: Report) -> str:
    if name in application.configs:
        return f"the config '{name}' has the name '{application.configs[name].name}'"
    known = [other.name or key for key, other in application.configs.items() if CONFIG_KINDS[other.type] == kind]
    near = _suggest_outside(name, known, report)
    type_ = "type: secret, " if kind == "Secret" else ""
    return near.replace(_THERE, f"{_THERE}; if so, write configs: {{{name}: {{{type_}external: true}}}}")


def _suggest_outside(name: str, known: Iterable[str], report: Report) -> str:
    near = report.suggest(name, known) or ""
    return near if near.startswith("did") else _THERE


def _is_of_a_pod(claim: str, application: Application) -> bool:
    """Tell whether a claim is one that a StatefulSet makes for a pod: `data-postgres-0`."""
    made = ((t.name, name) for name, each in application.stateful_sets.items() for t in each.volume_claim_templates)
    return any(claim.startswith(f"{t}-{name}-") and claim[len(f"{t}-{name}-") :].isdecimal() for t, name in made)


def each_claim(application: Application) -> Iterator[tuple[Path, str]]:
    """Walk the claims that volumes name."""
    for path, volume in each_volume(application):
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim is not None:
            yield (*path, "persistentVolumeClaim", "claimName"), claim


def each_volume(application: Application) -> Iterator[tuple[Path, Json]]:
    """Walk the volumes of deployments, jobs, migrations and steps."""
    for path, workload in each_workload(application):
        for index, volume in enumerate(workload.volumes):
            yield (*path, "volumes", index), volume
    for place in each_settings(application):
        for index, volume in enumerate(place.settings.volumes):
            yield (*place.path, "volumes", index), volume


def each_reference(application: Application) -> Iterator[Reference]:
    """Walk what names a ConfigMap or Secret."""
    for place in each_container(application):
        yield from _of_env((*place.path, "env"), place.container.env)
    for settings in each_settings(application):
        yield from _of_env((*settings.path, "env"), settings.settings.env)
    for group, entries in application.secret_refs.items():
        yield from _of_env(("secretRefs", group), entries)
    for path, sources in each_env_from(application):
        for index, source in enumerate(sources):
            yield from _of_env_from((*path, index), source)
    for path, volume in each_volume(application):
        yield from _of_volume(path, volume)


def _of_env(path: Path, env: Sequence[EnvVar | SecretRef]) -> Iterator[Reference]:
    for index, variable in enumerate(env):
        below = (*path, index)
        if variable.value is not None:
            continue
        if variable.secret_key_ref is not None and variable.value_from is None:
            yield _selected((*below, "secretKeyRef"), "Secret", variable.secret_key_ref)
        for key, kind in ENV_SOURCES:
            source = (variable.value_from or {}).get(key)
            if source is not None:
                yield _selected((*below, "valueFrom", key), kind, source)


def _selected(path: Path, kind: str, source: Json) -> Reference:
    name, key, optional = source.get("name", ""), source.get("key"), source.get("optional", False)
    return Reference((*path, "name"), kind, name, optional, key, (*path, "key"))


def _of_env_from(path: Path, source: EnvFrom) -> Iterator[Reference]:
    if source.config_name is not None and source.type in ("configMap", "secret"):
        kind = "Secret" if source.type == "secret" else "ConfigMap"
        yield Reference((*path, "configName"), kind, source.config_name, bool(source.optional))
    for key, kind in ENV_FROM_SOURCES:
        reference = source.kubernetes.get(key)
        if reference is not None:
            optional = reference.get("optional", False)
            yield Reference((*path, key, "name"), kind, reference.get("name", ""), optional)


def _of_volume(path: Path, volume: Json) -> Iterator[Reference]:
    for key, name_key, kind in VOLUME_SOURCES:
        if key in volume and key != "persistentVolumeClaim":  # see each_claim
            yield from _of_files((*path, key), volume[key], name_key, kind)
    for index, projection in enumerate(volume.get("projected", {}).get("sources", ())):
        for key, kind in PROJECTED_SOURCES:
            if key in projection:
                yield from _of_files((*path, "projected", "sources", index, key), projection[key], "name", kind)


def _of_files(path: Path, source: Json, name_key: str, kind: str) -> Iterator[Reference]:
    name, optional = source.get(name_key, ""), source.get("optional", False)
    yield Reference((*path, name_key), kind, name, optional)
    for index, item in enumerate(source.get("items", ())):
        below = (*path, "items", index, "key")
        yield Reference((*path, name_key), kind, name, optional, item.get("key"), below)
