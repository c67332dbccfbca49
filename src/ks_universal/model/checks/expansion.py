"""`$(VAR)` in commands and variables: Kubernetes leaves what it cannot expand as it is, without a word.

`$$(VAR)` is an escape. Variables of `envFrom` come first, then groups of `secretRefs`, then `env`, in order.
"""

import re
from collections.abc import Iterator

import msgspec

from ks_universal.model.checks.report import Report
from ks_universal.model.checks.walk import each_container
from ks_universal.model.format.application import Application
from ks_universal.model.format.containers import Container, EnvFrom, EnvVar
from ks_universal.model.format.migrations import Migrations, Step, list_removed
from ks_universal.model.format.sections import find_config, list_known_keys
from ks_universal.model.format.workloads import find_container
from ks_universal.model.kubernetes.expansion import find_names
from ks_universal.model.kubernetes.pod_sources import ENV_FROM_SOURCES
from ks_universal.values.nodes import Path

# A pattern in text is compiled when the first value needs it, not at each start.
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_FROM_SERVICES = r"[A-Z0-9_]+_(SERVICE_HOST|SERVICE_PORT|PORT)(_[A-Z0-9_]+)?"


class _Scope(msgspec.Struct, frozen=True):
    """What a container's commands can use; `is_open` if an `envFrom` may bring variables that nobody can know here."""

    names: set[str]
    is_open: bool


def check_expansion(application: Application, report: Report) -> None:
    """Check every `$(VAR)` of containers and migrations."""
    for place in each_container(application):
        container = place.container
        given = _given(container, container.env_from, application)
        _check_env((*place.path, "env"), container.env, given, report)
        scope = _Scope(given.names | {variable.name for variable in container.env}, given.is_open)
        for key, words in (("command", container.command), ("args", container.args)):
            _check_words((*place.path, key), words or (), scope, report)
    for owner, workload in application.workloads.items():
        for index, step in enumerate(workload.migrations.effective_steps):
            found = find_container(workload, step)
            if found is not None:
                path: Path = (*application.find_path(owner), "migrations")
                _check_step(path, workload.migrations, index, (step, found[1]), application, report)


def _check_step(
    path: Path,
    migrations: Migrations,
    index: int,
    running: tuple[Step, Container],
    application: Application,
    report: Report,
) -> None:
    step, container = running
    given = _given(container, (*container.env_from, *step.env_from), application)
    scope = _Scope(given.names | {v.name for v in (*container.env, *step.env)} - list_removed(step), given.is_open)
    own = migrations.steps[index] if migrations.steps else None
    below = (*path, "steps", index)
    for key, words in (("command", step.command), ("args", step.args)):
        is_own = own is not None and getattr(own, key) is not None
        _check_words((*below, key) if is_own else (*path, key), words or (), scope, report)


def _given(container: Container, sources: tuple[EnvFrom, ...], application: Application) -> _Scope:
    """Collect what is there before `env`."""
    groups = (application.secret_refs.get(group, ()) for group in container.secret_refs)
    names = {entry.name for entries in groups for entry in entries}
    is_open = False
    for source in sources:
        found = find_config(application.configs, *_read_reference(source))
        keys = None if found is None else list_known_keys(found[1])
        if keys is None:
            is_open = True
        else:
            names |= {source.kubernetes.get("prefix", "") + key for key in keys}
    return _Scope(names, is_open)


def _read_reference(source: EnvFrom) -> tuple[str, str]:
    """Read the kind and the name of the ConfigMap or Secret; the name is empty where there is none."""
    if source.config_name is not None:
        return "Secret" if source.type == "secret" else "ConfigMap", source.config_name
    written = source.kubernetes
    named = ((kind, written[key].get("name", "")) for key, kind in ENV_FROM_SOURCES if key in written)
    return next(named, ("ConfigMap", ""))


def _check_env(path: Path, env: tuple[EnvVar, ...], given: _Scope, report: Report) -> None:
    before = set(given.names)
    names = {variable.name for variable in env}
    for index, variable in enumerate(env):
        for name in _references(variable.value or ""):
            if name in before or given.is_open or re.fullmatch(_FROM_SERVICES, name):
                continue
            below = (*path, index, "value")
            if name in names:
                clause = f"uses $({name}), which is set after it and will not expand"
                report.warn("env/not-expanded", below, clause, f"set '{name}' before it")
            else:
                _report_unknown(below, name, before, report)
        before.add(variable.name)


def _check_words(path: Path, words: tuple[str, ...], scope: _Scope, report: Report) -> None:
    for index, word in enumerate(words):
        for name in _references(word):
            # $(hostname) is what a shell runs, and meant so.
            if name in scope.names or scope.is_open or name.islower() or re.fullmatch(_FROM_SERVICES, name):
                continue
            _report_unknown((*path, index), name, scope.names, report)


def _report_unknown(path: Path, name: str, known: set[str], report: Report) -> None:
    clause = f"uses $({name}), which is not set and will not expand"
    near = report.suggest(name, sorted(known)) or ""
    hint = near if near.startswith("did") else f"set '{name}' in env, or write $$({name}) for the text itself"
    report.warn("env/not-expanded", path, clause, hint)


def _references(text: str) -> Iterator[str]:
    """Find what is meant as a variable: `$(date +%s)` is what a shell runs."""
    return (name for name in find_names(text) if re.fullmatch(_NAME, name))
