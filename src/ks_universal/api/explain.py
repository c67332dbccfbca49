"""What a finding code means, and what a key of the values takes."""

import re
from collections import defaultdict

import msgspec

from ks_universal.diagnosis.rules import RULES
from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.finding_codes import FindingCode, find_code, read_codes
from ks_universal.model.reference.description import ROOT, Key, Kind, KubernetesMap, list_keys
from ks_universal.model.reference.explain import find_inner, find_key, find_paths, name_default, name_kind
from ks_universal.suggestions import nearest

_CODE = re.compile(r"(?:\w+\[|\[)?([a-z-]+/[a-z-]+)\]?:?")
"""A code, also as a finding shows it: `error[kubernetes/image]:`."""


def is_code(word: str) -> bool:
    """Tell whether a word has the form of a finding code, and not that of a key."""
    return _CODE.fullmatch(word.strip()) is not None


def explain_code(code: str) -> FindingCode:
    """Explain a finding code such as `migrations/locked`, also one that was renamed since the last version.

    Raises InputError for a code that does not exist, naming the nearest.
    """
    written = _CODE.fullmatch(code.strip())
    name = written[1] if written else code
    found = find_code(name, read_codes())
    if found is None:
        message = f"there is no finding code '{name}'"
        raise InputError([Problem("request/unknown-code", message, hint=_suggest(name))])
    commands = {tool: command for rule in RULES if rule.code == found.code for tool, command in rule.commands.items()}
    return msgspec.structs.replace(found, commands=dict(sorted(commands.items(), key=lambda item: item[0].lower())))


def _suggest(name: str) -> str:
    if near := suggest_codes(name):
        return f"did you mean {near}?"
    section = nearest(name.partition("/")[0], list_keys(ROOT))
    if section:
        return f"did you mean the key '{section}'?"
    return "copy it from the brackets of a finding: error[area/kind]"


def suggest_codes(word: str) -> str | None:
    """Name the codes that were probably meant by a word (`locked`, `migration/locked`); None if none is near."""
    by_kind = defaultdict(list)
    for code in read_codes():
        by_kind[code.partition("/")[2]].append(code)
    kind = word.rpartition("/")[2]
    near = nearest(word, read_codes())
    found = by_kind.get(kind) or ([near] if near else by_kind.get(nearest(kind, by_kind) or ""))
    return " or ".join(f"'{code}'" for code in found) if found else None


class KeyExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the values: `deployments.*.migrations`, `*` for each name that the user chooses; "" is the whole.

    `type` is in words. `keys` are those below: of the format, and those of Kubernetes where there are no others;
    `kubernetes_keys` names what else Kubernetes takes there.
    """

    path: str
    type: str
    required: bool = False
    default: str | None = None
    description: str
    keys: "tuple[KeyExplanation, ...]" = ()
    kubernetes_keys: tuple[str, ...] = ()


def explain_key(path: str, *, recursive: bool = False) -> KeyExplanation:
    """Explain a key by its path, or by the end of it where no other key has that.

    `recursive`: with all keys below, and not only the next ones. Raises InputError for a path that nothing is at,
    naming the nearest keys and codes.
    """
    try:
        found = find_key(path)
    except InputError as error:
        meant = find_paths(path)
        if len(meant) != 1:
            near = None if meant else suggest_codes(path)
            raise InputError([_add_codes(each, near) for each in error.problems] if near else error.problems) from None
        found = find_key(meant[0])
    below = _list_tree(found.key.kind, ()) if recursive else _list_next(found.key.kind)
    others = () if recursive else _list_kubernetes_keys(found.key.kind)
    return _explain(found.path, found.key, keys=below, kubernetes_keys=others)


def _explain(
    path: str, key: Key, keys: tuple[KeyExplanation, ...] = (), kubernetes_keys: tuple[str, ...] = ()
) -> KeyExplanation:
    return KeyExplanation(
        path=path,
        type=name_kind(key.kind),
        required=key.required,
        default=name_default(key),
        description=key.description,
        keys=keys,
        kubernetes_keys=kubernetes_keys,
    )


def _list_next(kind: Kind) -> tuple[KeyExplanation, ...]:
    keys = (_explain(name, key) for name, key in _list_below(kind).items() if _is_listed(kind, key))
    if isinstance(find_inner(kind), KubernetesMap):  # what these are, only Kubernetes' own documentation says
        return tuple(msgspec.structs.replace(key, description="") for key in keys)
    return tuple(keys)


def _list_kubernetes_keys(kind: Kind) -> tuple[str, ...]:
    return tuple(name for name, key in _list_below(kind).items() if not _is_listed(kind, key))


def _list_tree(kind: Kind, above: tuple[Kind, ...]) -> tuple[KeyExplanation, ...]:
    """List all keys below; a definition within itself is not opened again."""
    inner = find_inner(kind)
    if inner is None or inner in above:
        return ()
    keys = list_keys(inner)
    return tuple(_explain(name, key, _list_tree(key.kind, (*above, inner))) for name, key in keys.items())


def _list_below(kind: Kind) -> dict[str, Key]:
    inner = find_inner(kind)
    return {} if inner is None else list_keys(inner)


def _is_listed(kind: Kind, key: Key) -> bool:
    return isinstance(find_inner(kind), KubernetesMap) or key.origin is None


def _add_codes(problem: Problem, codes: str) -> Problem:
    hint = problem.hint or ""
    key = f"{hint.rstrip('?')}, or" if hint.startswith("did you mean") else "did you mean"
    return msgspec.structs.replace(problem, hint=f"{key} the code {codes}?")
