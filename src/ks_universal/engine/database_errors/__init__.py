"""Finds in the output of a migration tool what went wrong, and says what to do next.

Knows text only: where the lines come from, and which tool wrote them, is not its business.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.database_errors.connections import RESOURCES, SESSION, UNREACHED
from ks_universal.engine.database_errors.migration_tools import PASSING, STATES
from ks_universal.engine.database_errors.rule import Rule
from ks_universal.engine.database_errors.statements import STATEMENTS

RULES = (*STATES, *PASSING, *UNREACHED, *SESSION, *RESOURCES, *STATEMENTS)
"""All rules: where several match one line the first one wins, so the tools' own words stand before the database's."""

TRANSIENT = frozenset(rule.code for rule in (*PASSING, *UNREACHED))
"""Kinds that pass by themselves: overcome, once there is an error of another kind."""

NO_CAUSE = (
    r"current transaction is aborted|InFailedSqlTransaction|PendingRollbackError|TransactionManagementError|"
    r", skipping\b"
)
"""What sessions say after their first error, and notices about what IF [NOT] EXISTS passed over."""

QUOTE_LENGTH = 200
"""Characters of the telling line that are quoted."""

LINE_LENGTH = 2000
"""Characters of a line that are searched: bounds the time for output without line ends."""

_CREDENTIAL = (
    r"(?i)(?P<url>://[^/\s:@]*:)\S+(?=@)"
    r"|(?P<key>(?:password|passwd|pwd)[\"']?\s*[=:]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s&;,)'\"]+)"
)
_NAME = (
    r"(?:SQLSTATE|SQL State|[Ee]rror code|\bcode)['\"]?[\s:\[=]+['\"]?([0-9A-Z]{5})\b"
    r"|\b(?:errors\.|PG::)([A-Z]\w+)"
)
_EXCEPTION = (
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Failure|Failed|Interrupt)\b(?: \[\w+\])?(?::.*)?$"
    r"|Caused by: .+|Exception in thread .+"
    r"|(?:panic|fatal error|fatal|error|ERROR|Error|FATAL|FAILED)(?: \[[^\]]*\])?: .+"
    r"|(?:[A-Z]\w*::)+\w+: .*|.+ \((?:[A-Z]\w*::)*[A-Z]\w*(?:Error|Exception)\)$"
    r"|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d .*(?:error|failed).*|.*\[(?:ERROR|SEVERE|FATAL)\].*"
)


class _Find(msgspec.Struct, frozen=True, order=True):
    """A match: the number of its line, its rule (the less, the stronger), and where in the line it begins."""

    line: int
    rank: int
    column: int


def diagnose(lines: Sequence[str]) -> tuple[Problem, ...]:
    """Name the errors in a tool's output, the first one in the log first, each kind once.

    Errors that only follow from another are left out: statements refused after the first error of a transaction, and
    failures to connect that were overcome later. Each message quotes the telling line, cut, without passwords. An
    output that no rule knows gives `migrations/error` with its last exception; one without an exception gives nothing.

    Example: `["psycopg.errors.LockNotAvailable: canceling statement due to lock timeout"]` gives
    `database/lock-timeout`.
    """
    problems: dict[str, Problem] = {}
    last = -1
    for find in sorted(_search(lines)):
        if find.line != last:
            last = find.line
            rule = RULES[find.rank]
            problems.setdefault(rule.code, _describe(rule, lines[find.line], find.column))
    return _causes(problems) or _last_exception(lines)


def _search(lines: Sequence[str]) -> Iterator[_Find]:
    text = "\n".join(line[:LINE_LENGTH].replace("\n", " ") for line in lines)
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    no_cause = re.compile(NO_CAUSE)
    for rank, match in chain(_match_patterns(text), _match_names(text)):
        line = bisect_right(starts, match.start()) - 1
        if not no_cause.search(lines[line]):
            yield _Find(line, rank, match.start() - starts[line])


def _match_patterns(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    for rank, pattern in _patterns():
        for match in pattern.finditer(text):
            yield rank, match


def _match_names(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    ranks = {name: rank for rank, rule in enumerate(RULES) for name in rule.names}
    for match in re.finditer(_NAME, text):
        if (rank := ranks.get(match[1] or match[2])) is not None:
            yield rank, match


def _causes(problems: dict[str, Problem]) -> tuple[Problem, ...]:
    lasting = tuple(problem for code, problem in problems.items() if code not in TRANSIENT)
    return lasting or tuple(problems.values())


def _describe(rule: Rule, line: str, column: int) -> Problem:
    return Problem(rule.code, f"{rule.message}: {_quote(line, line[column : column + 20])}", hint=rule.hint)


def _last_exception(lines: Sequence[str]) -> tuple[Problem, ...]:
    pattern = re.compile(_EXCEPTION)
    for line in reversed(lines):
        if pattern.match(line.strip()):
            hint = "read the log of the failed attempt; the lines above this one say where it happened"
            return (Problem("migrations/error", f"the migration ended with: {_quote(line)}", hint=hint),)
    return ()


def _quote(line: str, telling: str = "") -> str:
    """Mask passwords first, then cut: a cut could take away what tells that a text is one."""
    masked = re.sub(_CREDENTIAL, lambda m: (m["url"] or m["key"]) + "***", line.strip())
    if len(masked) <= QUOTE_LENGTH:
        return masked
    begin = max(0, masked.find(telling) - QUOTE_LENGTH // 4)
    return ("…" if begin else "") + masked[begin : begin + QUOTE_LENGTH].strip() + "…"


@cache
def _patterns() -> tuple[tuple[int, re.Pattern[str]], ...]:
    return tuple((rank, re.compile(pattern)) for rank, rule in enumerate(RULES) for pattern in rule.patterns)
