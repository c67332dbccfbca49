"""What a finding code means, for `ks-universal explain CODE` and for programs."""

import re
from collections import defaultdict

import msgspec

from ks_universal.diagnosis.rules import RULES
from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.finding_codes import FindingCode, find_code, read_codes
from ks_universal.model.conversion.findings import nearest
from ks_universal.model.reference.description import ROOT, list_keys

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
