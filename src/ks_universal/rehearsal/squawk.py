"""What squawk, which reads SQL, says of the captured statements, and whether the run has shown it.

Captured are those that an ORM makes, too, and what DO blocks and functions run: the linter reads no source of a tool.
"""

import asyncio
import shutil
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path

import msgspec

from ks_universal.rehearsal.facts import ObservedStatement
from ks_universal.rehearsal.verdicts import RehearsalVerdict

_TIMEOUT_S = 30.0
_NO_RULES = frozenset(("syntax-error",))
"""What it does not understand was understood by the server."""
_LOCKS = ("blocks-reads", "blocks-writes")
SHOWN_BY: dict[str, tuple[str, ...]] = {
    "adding-field-with-default": (*_LOCKS, "rewrites-table"),
    "adding-foreign-key-constraint": (*_LOCKS, "scans-table"),
    "adding-not-nullable-field": (*_LOCKS, "scans-table", "fails", "fails-on-data"),
    "adding-required-field": ("fails", "fails-on-data", "breaks-old-version"),
    "adding-serial-primary-key-field": (*_LOCKS, "rewrites-table"),
    "ban-alter-domain-with-add-constraint": (*_LOCKS, "scans-table"),
    "ban-concurrent-index-creation-in-transaction": ("fails",),
    "ban-drop-column": ("loses-data", "breaks-old-version"),
    "ban-drop-database": ("loses-data", "fails"),
    "ban-drop-not-null": ("breaks-old-version",),
    "ban-drop-table": ("loses-data", "breaks-old-version"),
    "ban-truncate-cascade": ("loses-data",),
    "changing-column-type": (*_LOCKS, "rewrites-table", "scans-table", "loses-data", "breaks-old-version"),
    "constraint-missing-not-valid": (*_LOCKS, "scans-table", "fails-on-data"),
    "disallowed-unique-constraint": _LOCKS,
    "renaming-column": ("breaks-old-version",),
    "renaming-table": ("breaks-old-version",),
    "require-concurrent-index-creation": _LOCKS,
    "require-concurrent-index-deletion": (*_LOCKS, "exclusive-without-lock-timeout"),
    "require-concurrent-reindex": _LOCKS,
    "require-lock-timeout": ("exclusive-without-lock-timeout",),
    "require-timeout-settings": ("exclusive-without-lock-timeout",),
    "prefer-robust-stmts": ("not-resumable", "not-repeatable"),
    "transaction-nesting": ("fails",),
}
"""By which verdicts a run shows what a rule warns of; of a rule that is not here a run can show nothing."""


class SquawkFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What squawk says of a captured statement (`statement`: its number, `text`), by its `rule`.

    `observed` is "confirmed" where a verdict of this run is about what the rule warns of, else "not observed".
    """

    rule: str
    level: str
    message: str
    help: str | None
    statement: int
    text: str
    observed: str


def find_squawk() -> str | None:
    """Find the program, also where only this Python has it."""
    beside = Path(sys.executable).parent / "squawk"
    return str(beside) if beside.is_file() else shutil.which("squawk")


async def read_with_squawk(
    statements: Sequence[ObservedStatement], shown: Mapping[int, Set[str]], folder: Path, version: str
) -> tuple[SquawkFinding, ...] | None:
    """Have squawk read the statements, with its settings in `folder`; None where it is not installed, or fails.

    `shown` are the codes of what each statement does (`find_shown`), `version` is PostgreSQL's. Of statements that
    differ in nothing only the first is read.
    """
    program = find_squawk()
    if program is None:
        return None
    texts = _list_texts(statements)
    lines: list[str] = []
    starts: list[int] = []
    for _, text in texts:
        starts.append(len(lines))
        lines += f"{text.rstrip().rstrip(';')}\n;".splitlines()
    words = ("--reporter", "json", "--pg-version", version)
    try:
        process = await asyncio.create_subprocess_exec(
            program, *words, cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate("\n".join(lines).encode())
        said = msgspec.json.decode(output, type=list[_Said])
    except (OSError, TimeoutError, msgspec.DecodeError):
        return None
    return tuple(_place(said, texts, starts, shown))


class _Said(msgspec.Struct, frozen=True):
    line: int
    level: str
    message: str
    rule_name: str
    help: str | None = None


def _list_texts(statements: Iterable[ObservedStatement]) -> list[tuple[int, str]]:
    """List what was run, with the number of its statement: what was sent, and what ran within that."""
    texts: dict[str, int] = {}
    for statement in statements:
        for text in (statement.text, *(part.text for part in statement.parts)):
            texts.setdefault(text, statement.number)
    return [(number, text) for text, number in texts.items()]


def _place(
    said: Iterable[_Said],
    texts: Sequence[tuple[int, str]],
    starts: Sequence[int],
    shown: Mapping[int, Set[str]],
) -> Iterator[SquawkFinding]:
    told: set[tuple[str, int]] = set()
    for each in said:
        number, text = texts[bisect_right(starts, each.line) - 1]
        if each.rule_name in _NO_RULES or (each.rule_name, number) in told:
            continue
        told.add((each.rule_name, number))
        is_shown = not shown.get(number, set()).isdisjoint(SHOWN_BY.get(each.rule_name, ()))
        yield SquawkFinding(
            rule=each.rule_name, level=each.level.lower(), message=each.message, help=each.help, statement=number,
            text=text, observed="confirmed" if is_shown else "not observed",
        )  # fmt: skip


def find_shown(
    statements: Iterable[ObservedStatement], verdicts: Sequence[RehearsalVerdict], lock_codes: Mapping[int, Set[str]]
) -> dict[int, set[str]]:
    """Find for each statement, by its number, the codes of all verdicts that it, or the run as a whole, gives rise to.

    `lock_codes` are those of its locks: of several statements that lock a table only one is in the verdicts.
    """
    shown = {}
    for statement in statements:
        own = {statement.text, *(part.text for part in statement.parts)}
        codes = {each.code for each in verdicts if each.statement is None or each.statement in own}
        shown[statement.number] = codes | lock_codes.get(statement.number, set())
    return shown
