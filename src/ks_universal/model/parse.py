"""Tree to `Application`: inheritance, typing, cross-checks; every finding at once."""

from collections.abc import Set

import msgspec

from ks_universal.diagnostics import Problem, has_errors
from ks_universal.model.checks import check_application
from ks_universal.model.conversion.expressions import Release, expand_expressions
from ks_universal.model.conversion.findings import Findings
from ks_universal.model.conversion.inherit import merge_general
from ks_universal.model.conversion.normalize import normalize
from ks_universal.model.conversion.structs import convert_struct, keys_of
from ks_universal.model.format.application import Application
from ks_universal.model.format.workloads import General
from ks_universal.values.nodes import Mapping

_GENERAL = "deploymentsGeneral"
ANYBODYS = "x-"
"""What begins the top-level keys that are read by nobody but anchors and expressions, as in Docker Compose."""
_UNNAMED = Release()


class Parsed(msgspec.Struct, frozen=True):
    """`tree` is the effective tree, with what entries inherit: paths into it are what `nodes.locate` takes.

    `application` is None where an error kept the tree from being typed; `problems` are in no particular order.
    """

    application: Application | None
    problems: tuple[Problem, ...]
    tree: Mapping


def parse_application(tree: Mapping, release: Release = _UNNAMED) -> Parsed:
    """Type and check the whole input. Nothing is raised, whatever the tree holds.

    `release` is what expressions are told; without one they see placeholders.
    """
    expanded = expand_expressions(tree, release)
    unified = normalize(expanded.tree)
    effective = merge_general(unified, keys_of)
    problems = _check_general(unified)
    findings = Findings()
    unread = _unread_keys(expanded.keys)
    entries = {k: node for k, node in effective.entries.items() if k not in unread and not k.startswith(ANYBODYS)}
    application = convert_struct(Application, Mapping(entries, effective.at, effective.key_at), None, findings)
    # What is wrong in the general settings is wrong in every deployment: one finding, where it is written.
    known = {(problem.code, problem.where) for problem in problems}
    problems += [problem for problem in findings.problems if (problem.code, problem.where) not in known]
    called = "" if release.name == _UNNAMED.name else release.name
    checked = check_application(application, effective, findings.broken, release.namespace, called)
    failed = problems or has_errors(expanded.problems)
    return Parsed(None if failed else application, (*expanded.problems, *problems, *checked), effective)


def _unread_keys(named: Set[str]) -> Set[str]:
    """Give the top-level keys that no section is read from: the general settings, and what only expressions name."""
    return {_GENERAL} | (named - keys_of(Application))


def _check_general(tree: Mapping) -> list[Problem]:
    """Type the general settings by themselves; a key that is missing there may be in the entries."""
    general = tree.entries.get(_GENERAL)
    if general is None:
        return []
    findings = Findings()
    convert_struct(General, general, (None, _GENERAL), findings)
    return [problem for problem in findings.problems if problem.code != "values/missing-key"]
