"""Variables: their names, doubles, and values that cannot be given yet."""

from collections.abc import Iterator
from typing import Any

from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_container, each_settings
from ks_universal.model.format.application import Application
from ks_universal.model.format.containers import EnvFrom, EnvVar
from ks_universal.model.kubernetes.fields import fields_of
from ks_universal.model.kubernetes.names import is_env_name
from ks_universal.values.nodes import Path

_TYPES = ("configMap", "secret")


def check_environment(application: Application, report: Report) -> None:
    """Check every list of variables and of their sources."""
    for path, env in _each_env(application):
        _check_env(path, env, report)
    for group, entries in application.secret_refs.items():
        for index, entry in enumerate(entries):
            _check_variable(("secretRefs", group, index), entry.name, report)
            _check_value_from(("secretRefs", group, index, "valueFrom"), entry.value_from, report)
    for path, sources in each_env_from(application):
        for index, source in enumerate(sources):
            _check_source((*path, index), source, report)
    for place in each_container(application):
        _check_groups((*place.path, "secretRefs"), place.container.secret_refs, report)


def each_env_from(application: Application) -> Iterator[tuple[Path, tuple[EnvFrom, ...]]]:
    """Walk every `envFrom`."""
    for place in each_container(application):
        yield (*place.path, "envFrom"), place.container.env_from
    for settings in each_settings(application):
        yield (*settings.path, "envFrom"), settings.settings.env_from


def _each_env(application: Application) -> Iterator[tuple[Path, tuple[EnvVar, ...]]]:
    for place in each_container(application):
        yield (*place.path, "env"), place.container.env
    for settings in each_settings(application):
        yield (*settings.path, "env"), settings.settings.env


def _check_env(path: Path, env: tuple[EnvVar, ...], report: Report) -> None:
    seen: set[str] = set()
    for index, variable in enumerate(env):
        below = (*path, index)
        _check_variable(below, variable.name, report)
        if variable.name in seen:
            clause = f"sets '{variable.name}' again: the last one counts"
            report.warn("env/duplicate", below, clause, "keep one of them")
        seen.add(variable.name)
        if variable.value is not None and (variable.value_from or variable.secret_key_ref):
            clause = "has a value and a source: the value counts"
            report.warn("env/two-sources", below, clause, "keep one of them")
        _check_value_from((*below, "valueFrom"), variable.value_from, report)


def _check_value_from(path: Path, source: dict[str, Any] | None, report: Report) -> None:
    if source is not None and len(source) != 1:
        known = ", ".join(fields_of("EnvVarSource"))
        clause = "has several sources" if source else "has no source"
        report.error("env/source", path, clause, f"write exactly one of {known}")


def _check_variable(path: Path, name: str, report: Report) -> None:
    if not is_env_name(name):
        clause = "is no name that Kubernetes takes for a variable"
        report.error("names/invalid", (*path, "name"), clause, "it takes printable ASCII without '='")


def _check_source(path: Path, source: EnvFrom, report: Report) -> None:
    named = [key for key in ("configMapRef", "secretRef") if key in source.kubernetes]
    if source.config_name is None and source.type is None:
        if len(named) != 1:
            hint = "write 'type: secret' (or configMap) and 'configName'"
            report.error("values/missing-key", path, "must name one ConfigMap or Secret", hint)
        return
    if named:
        report.error("values/contradiction", path, f"names a config by 'configName' and by '{named[0]}'", "keep one")
    for key, value in (("type", source.type), ("configName", source.config_name)):
        if value is None:
            report.error("values/missing-key", path, f"needs the key '{key}'")
    if source.type is not None and source.type not in _TYPES:
        near = report.suggest(source.type, _TYPES)
        report.error("values/unknown-value", (*path, "type"), "must be configMap or secret", near)


def _check_groups(path: Path, groups: tuple[str, ...], report: Report) -> None:
    known = report.names_below("secretRefs")
    for index, group in enumerate(groups):
        if group not in known:
            clause = f"names the group '{group}', which is not in secretRefs"
            report.error("references/unknown-group", (*path, index), clause, report.suggest(group, known))
        elif group in groups[:index]:
            report.warn("env/duplicate", (*path, index), f"names the group '{group}' again")
