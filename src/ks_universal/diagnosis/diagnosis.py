"""Reads a log line by line and keeps what tells: the errors that are known, and the lines around them."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache

import msgspec

from ks_universal.controls import remove_controls
from ks_universal.diagnosis.index import Index, split_words
from ks_universal.diagnosis.quoting import quote
from ks_universal.diagnosis.rule import Rule
from ks_universal.diagnosis.rules import RULES, STUCK, TRANSIENT
from ks_universal.diagnosis.tools import ToolFinder
from ks_universal.diagnostics import Problem

LINE_LENGTH = 2000
"""Characters of a line that are searched: bounds the time for output without line ends."""

NEIGHBOURS = 3
"""Lines before and after the telling one that are kept."""

_KEPT_LENGTH = 20_000
"""Characters of a line that are kept: ten times what a record holds of it when it has been masked."""

_ONE_ERROR = 60
"""Lines within which a text and a bare code are taken for the same error: Node.js dumps its errors as long as that."""

_NO_CAUSE = re.compile(
    r"current transaction is aborted|InFailedSqlTransaction|PendingRollbackError|, skipping\b"
    r"|TransactionManagementError: An error occurred in the current transaction"
    r"|\"yoyo_lock_pkey\"|^\s+(?:raise|throw)\b"
)
"""What sessions say after their first error, notices of what IF [NOT] EXISTS passed over, lines of source code, and
what yoyo says before it names the holder of its lock."""

_NAME = re.compile(
    r"(?:(?i:sql ?state)|[Ee]rror code|\bcode|\bERROR:?|'C')['\"]?[\s:\[=]+['\"]?([0-9A-Z]{5})\b"
    r"|^(?:psql:\S+ )?\w+: +([0-9A-Z]{5}): |\bPostgresException(?: \(\w+\))?: ([0-9A-Z]{5}): "
    r"|\w: \[([0-9A-Z]{5})\] "
    r"|\b(?:errors\.|PG::|asyncpg\.exceptions\.)([A-Z]\w+)"
    r"|\b(ER_[A-Z\d_]+)"
    r"|(?:\b(?:Error|ERROR) |\bdatabase: )(\d{4}) \(|(?:Error: \(|\berrno[:=] ?|\bno: |Error Code +: )(\d{4})\b"
)
_EXCEPTION = re.compile(
    r"(?:[|+] ++)*+(?:"
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Failure|Failed|Interrupt)\b(?: \[\w+\])?(?::.*)?$"
    r"|Caused by: .+|Exception in thread .+"
    r"|(?:panic|fatal error|fatal|error|ERROR|Error|FATAL|FAILED)(?: \[[^\]]*\])?: "
    r"(?!(?:true|false|null|undefined|-?\d+),?$|Exception (?:Details|Primary (?:Class|Source)))."
    r"|(?:[A-Z]\w*::)+\w+: .*|.+ \((?:[A-Z]\w*::)*[A-Z]\w*(?:Error|Exception)\)$"
    r"|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d .*(?:error|failed).*|.*\[(?:ERROR|SEVERE|FATAL)\].*"
    r")"
)
_GOES_ON = re.compile(r":\s*(?:\([\w:]+\))?\s*$|\w(?:Exception|Error)\s*$")
"""What ends a line whose message is on the next one."""

_DETAIL = re.compile(r"\bDETAIL: ")

_RANKS = {
    spelling: rank
    for rank, rule in enumerate(RULES)
    for name in rule.names
    for spelling in (name, f"{name}Error")  # asyncpg calls psycopg's UniqueViolation UniqueViolationError
}


class _Find(msgspec.Struct):
    """A line that tells: its number, its neighbours, and where in it the telling part begins."""

    number: int
    line: str
    column: int
    before: tuple[str, ...]
    is_vague: bool = False
    after: list[str] = []

    @property
    def excerpt(self) -> tuple[str, ...]:
        return (*self.before, self.line, *self.after)

    def describe(self) -> str:
        """Quote the line, with the next one where it only introduces that."""
        told = self.line[:LINE_LENGTH]
        following = next(filter(None, map(str.strip, self.after)), "")[:LINE_LENGTH]
        if following and (_GOES_ON.search(told) or (self.is_vague and _DETAIL.search(following))):
            told = f"{told.rstrip()} {following}"
        return quote(told, told[self.column : self.column + 20])


class Diagnosis:
    """What the lines of one log tell. Takes them as they come, and keeps a few for each kind of error."""

    def __init__(self) -> None:
        """Begin with a log of which nothing has been read."""
        self._number = 0
        self._before: deque[str] = deque(maxlen=NEIGHBOURS)
        self._open: list[_Find] = []
        self._told: dict[str, tuple[int, _Find]] = {}
        self._vague: dict[str, tuple[int, _Find]] = {}
        self._told_at = -_ONE_ERROR
        self._exception: _Find | None = None
        self._tool = ToolFinder()

    def take(self, line: str) -> None:
        """Take the next line."""
        line = remove_controls(line[:_KEPT_LENGTH])
        self._number += 1
        self._extend(line)
        if line:
            self._search(line[:LINE_LENGTH], line)
        self._before.append(line)

    def causes(self, *, stopped: bool = False) -> tuple[Problem, ...]:
        """Name the errors, the first one in the log first, each kind once.

        Errors that only follow from another are left out: statements refused after the first error of a transaction,
        and failures to connect that were overcome later. Each message quotes the telling line, cut, without passwords.
        An output that no rule knows gives `migrations/error` with its last exception; one without an exception gives
        nothing. `stopped`: the program was ended while it waited for something.
        """
        finds = self._finds(stopped=stopped)
        if finds:
            return tuple(self._describe(rule, find) for rule, find in finds)
        return () if self._exception is None else (_describe_exception(self._exception),)

    def excerpt(self, *, stopped: bool = False) -> tuple[str, ...]:
        """Give the line that tells the first cause, with its neighbours."""
        finds = self._finds(stopped=stopped)
        find = finds[0][1] if finds else self._exception
        return () if find is None else find.excerpt

    def _extend(self, line: str) -> None:
        for find in self._open:
            find.after.append(line)
        if self._open:
            self._open = [find for find in self._open if len(find.after) < NEIGHBOURS]

    def _search(self, line: str, whole: str) -> None:
        words = split_words(line)
        self._tool.take(line, words)
        told = min(((rank, match.start()) for rank, match in _patterns().search(line, words)), default=None)
        vague = None if told else min(self._search_vague(line, words), default=None)
        found = told or vague
        if found is None:
            if _EXCEPTION.match(line.strip()):
                self._exception = self._open_find(whole, 0)
        elif not _NO_CAUSE.search(line):
            self._keep(*found, whole, is_told=told is not None)

    def _search_vague(self, line: str, words: set[str]) -> Iterator[tuple[int, int]]:
        for rank, match in _vague().search(line, words):
            yield rank, match.start()
        if words & _RANKS.keys():
            for match in _NAME.finditer(line):
                if (named := _RANKS.get(match[match.lastindex or 0])) is not None:
                    yield named, match.start()

    def _keep(self, rank: int, column: int, line: str, *, is_told: bool) -> None:
        """Keep the first find of each kind; a text takes the place of what is vague and belongs to the same error."""
        code, kept = RULES[rank].code, self._told if is_told else self._vague
        if is_told and code not in TRANSIENT and code not in STUCK:
            self._told_at = self._number
            self._vague = {c: (r, f) for c, (r, f) in self._vague.items() if self._number - f.number > _ONE_ERROR}
        if code not in kept and (is_told or not self._is_dumped()):
            kept[code] = (rank, self._open_find(line, column, is_vague=not is_told))

    def _is_dumped(self) -> bool:
        """Tell whether a bare code is of an error that something else has told already, by a text or another code."""
        named_at = (find.number for code, (_, find) in self._vague.items() if code not in TRANSIENT)
        return self._number - max(self._told_at, *named_at, -_ONE_ERROR) <= _ONE_ERROR

    def _open_find(self, line: str, column: int, *, is_vague: bool = False) -> _Find:
        find = _Find(self._number, line, column, tuple(self._before), is_vague=is_vague)
        self._open.append(find)
        return find

    def _finds(self, *, stopped: bool) -> list[tuple[Rule, _Find]]:
        found = {**self._vague, **self._told}
        finds = sorted(((RULES[rank], find) for rank, find in found.values()), key=lambda each: each[1].number)
        lasting = [each for each in finds if each[0].code not in TRANSIENT and each[0].code not in STUCK]
        return lasting or [each for each in finds if stopped or each[0].code not in STUCK]

    def _describe(self, rule: Rule, find: _Find) -> Problem:
        tool = self._tool.found
        command = None if tool is None else rule.commands.get(tool)
        hint = rule.hint if command is None else f"{rule.hint}; {tool}: {command}"
        return Problem(rule.code, f"{rule.message}: {find.describe()}", hint=hint)


@cache
def _patterns() -> Index[int]:
    return Index((pattern, rank) for rank, rule in enumerate(RULES) for pattern in rule.patterns)


@cache
def _vague() -> Index[int]:
    return Index((pattern, rank) for rank, rule in enumerate(RULES) for pattern in rule.vague)


def diagnose(lines: Iterable[str], *, stopped: bool = False) -> tuple[Problem, ...]:
    """Name the errors in a tool's output; see `Diagnosis.causes`.

    Example: `["psycopg.errors.LockNotAvailable: canceling statement due to lock timeout"]` gives
    `database/lock-timeout`.
    """
    diagnosis = Diagnosis()
    for line in lines:
        diagnosis.take(line)
    return diagnosis.causes(stopped=stopped)


def _describe_exception(find: _Find) -> Problem:
    hint = "read the log of the failed attempt; the lines above this one say where it happened"
    return Problem("migrations/error", f"the migration ended with: {find.describe()}", hint=hint)
