"""The registry of finding codes: what each means, what causes it, what to do. Only `explain`, docs and tests read it.

The texts are data (`finding_codes.yaml`). A test compares them with the codes that the source contains.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec


class FindingCode(msgspec.Struct, frozen=True, omit_defaults=True):
    """A code that `Problem.code` may have; `meaning`, `cause` and `action` are one sentence each.

    `aliases` are the codes that it had before. `commands` is what some migration tools have for it, by tool.
    """

    code: str
    meaning: str
    cause: str
    action: str
    aliases: tuple[str, ...] = ()
    commands: Mapping[str, str] = {}


@cache
def read_codes() -> Mapping[str, FindingCode]:
    """Read the registry: all codes in the order of the file, without `commands`."""
    import yaml

    text = files("ks_universal").joinpath("finding_codes.yaml").read_text(encoding="utf-8")
    entries = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    return {code: msgspec.convert({"code": code, **entry}, FindingCode) for code, entry in entries.items()}


def find_code(code: str, codes: Mapping[str, FindingCode]) -> FindingCode | None:
    """Look a code up, also by a former name; None for one that does not exist."""
    former = (entry for entry in codes.values() if code in entry.aliases)
    return codes.get(code) or next(former, None)
