"""How much longer the migration takes the more rows there are: runs with several sizes, without what observes locks.

Whether a statement's time grows is told by what it reads and writes; the clock only says how much. What comes out for a
production's size is an order of magnitude: of this machine, beside other runs of the rehearsal, which
have a server of their own, with all in memory and nobody else in the database.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.command import Command
from ks_universal.rehearsal.facts import ObservedStatement, StatementPart
from ks_universal.rehearsal.observation import Observation
from ks_universal.rehearsal.server import APPLICATION
from ks_universal.rehearsal.server_log import mark_log, read_statements
from ks_universal.rehearsal.verdicts import RehearsalVerdict

SIZES = (1_000, 10_000, 100_000)
BUDGET_S = 60.0
UNFILLED = "app_unfilled"
"""The database as the base makes it, without the rows that are put in for the rehearsal."""

Fill = Callable[[Bench, int], Awaitable[object]]
"""Puts that many rows into each table of the application's database."""

_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
_GROWING = ("blocks-reads", "blocks-writes", "holds-lock", "rewrites-table", "scans-table", "locks-rows")
_FIXED_COST_MS = 20.0
"""What the first statement of a session costs, and the instruments: no shorter duration tells of growth."""
_SHARE = 0.5
_CLEARLY = 3.0
_TABLES = """
SELECT c.oid::int8, n.nspname || '.' || c.relname, greatest(c.reltuples, 0)::int8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm', 'p') AND n.nspname !~ '^pg_'
"""


class StatementGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """A statement, with all that differ from it in values only: `times_ms` by the rows of `table` when it ran.

    It takes `fixed_ms + a_million_ms * rows / 1,000,000`. `most_rows` is what one of them has written at the largest
    size, `most_rows_in_transaction` what they have until a commit: batches are told from one that changes all.
    """

    text: str
    table: str | None
    count: int
    times_ms: dict[int, float]
    fixed_ms: float
    a_million_ms: float
    most_rows: int
    most_rows_in_transaction: int

    @property
    def grows(self) -> bool:
        """Whether it takes longer the more rows there are."""
        return self.a_million_ms > 0

    def estimate_ms(self, rows: int) -> float:
        """Estimate how long it takes with that many rows: an order of magnitude."""
        return self.fixed_ms + self.a_million_ms * rows / 1_000_000


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured: the sizes, the whole migration's time at each (`totals_ms`), and each statement that grows.

    `missing` says of sizes why they were left out.
    """

    totals_ms: dict[int, float]
    statements: tuple[StatementGrowth, ...]
    missing: tuple[str, ...] = ()

    def estimate_ms(self, rows: Mapping[str, int]) -> float | None:
        """Estimate the whole migration's time with the production's rows, by table; None where none is known."""
        known = [each for each in self.statements if each.grows and each.table in rows]
        if not known:
            return None
        others = sum(each.fixed_ms for each in self.statements if each not in known)
        return others + sum(each.estimate_ms(rows[each.table]) for each in known if each.table)

    def keep(self, statements: Iterable[ObservedStatement]) -> "Growth":
        """Leave only what is known of some statements of an observed run."""
        texts = {_generalize(each.text) for each in statements}
        return msgspec.structs.replace(self, statements=tuple(each for each in self.statements if each.text in texts))


class _Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One run: its statements, and the rows of each table before it."""

    size: int
    statements: tuple[ObservedStatement, ...]
    rows: dict[str, int]


async def measure_growth(
    bench: Bench,
    command: Command,
    fill: Fill,
    *,
    sizes: Sequence[int] = SIZES,
    budget_s: float = BUDGET_S,
) -> Growth:
    """Run a command on the unfilled base (`UNFILLED`) with each number of rows, but for sizes that take too long."""
    samples: list[_Sample] = []
    missing: list[str] = []
    deadline_s, took_s, last = time.monotonic() + budget_s, 0.0, 0
    for size in sorted(sizes):
        if last and took_s * size / last > deadline_s - time.monotonic():
            missing.append(f"{size:,} rows: it would have taken longer than the {budget_s:.0f} s that there are")
            break
        began_s = time.monotonic()
        sample = await _measure(bench, command, fill, size)
        if isinstance(sample, str):
            missing.append(f"{size:,} rows: {sample}")
            break
        if samples and samples[-1].rows == sample.rows:
            missing.append(f"{size:,} rows: the tables have as many as before, which they had already")
            break
        samples.append(sample)
        took_s, last = time.monotonic() - began_s, size
    return Growth(
        totals_ms={each.size: sum(one.own_ms for one in each.statements) for each in samples},
        statements=tuple(_fit(samples)),
        missing=tuple(missing),
    )


async def _measure(bench: Bench, command: Command, fill: Fill, size: int) -> _Sample | str:
    import psycopg

    await bench.restore_base(UNFILLED)
    await fill(bench, size)
    await bench.settle()
    async with await psycopg.AsyncConnection.connect(bench.server.conninfo(APPLICATION), autocommit=True) as link:
        tables = await (await link.execute(_TABLES.encode())).fetchall()
    begin = mark_log(bench.server)
    result = await bench.run(command)
    if not result.is_success:
        return f"the migration failed ({result.failure})"
    names = {oid: name for oid, name, _ in tables}
    statements = read_statements(bench.server.log, begin, mark_log(bench.server), names=names, database=APPLICATION)
    return _Sample(size=size, statements=statements, rows={name: rows for _, name, rows in tables})


def _fit(samples: Sequence[_Sample]) -> list[StatementGrowth]:
    """Draw the line through the two largest sizes, for each statement of the largest."""
    if not samples:
        return []
    largest, grown = samples[-1], []
    for text in dict.fromkeys(_generalize(each.text) for each in largest.statements):
        own = [each for each in largest.statements if _generalize(each.text) == text]
        table = _find_table(own, largest.rows)
        times = {}
        for sample in samples:
            rows = sample.rows.get(table, sample.size) if table else sample.size
            times[rows] = sum(each.own_ms for each in sample.statements if _generalize(each.text) == text)
        fixed, a_million = _draw_line(times, is_work=_grows(own, largest.rows))
        transactions: dict[tuple[int, str], int] = {}
        for each in own:
            key = (each.process, each.transaction)
            transactions[key] = transactions.get(key, 0) + _count_written(each.parts)
        grown.append(
            StatementGrowth(
                text=text,
                table=table,
                count=len(own),
                times_ms={rows: round(each, 1) for rows, each in times.items()},
                fixed_ms=fixed,
                a_million_ms=a_million,
                most_rows=max(_count_written(each.parts) for each in own),
                most_rows_in_transaction=max(transactions.values()),
            )
        )
    return grown


def _draw_line(times: Mapping[int, float], *, is_work: bool) -> tuple[float, float]:
    """Give what is constant, and what a million rows cost (0: it does not grow), in milliseconds."""
    *_, (few, shorter), (many, longer) = ((0, 0.0), (0, 0.0), *sorted(times.items()))
    grows = is_work or (longer >= 2 * _FIXED_COST_MS and longer >= _CLEARLY * shorter)
    if len(times) < 2 or not grows or longer <= shorter or longer < _FIXED_COST_MS:
        return longer, 0.0
    slope = (longer - shorter) / (many - few)
    return max(longer - slope * many, 0.0), slope * 1_000_000


def _grows(statements: Iterable[ObservedStatement], rows: Mapping[str, int]) -> bool:
    """Tell whether statements read or write a share of a table that grows with it; batches do so together."""
    written: dict[str, int] = {}
    for part in (part for each in statements for part in each.parts):
        if any(rows.get(table, 0) for table in part.rewritten):
            return True
        if any(rows.get(table) and read >= _SHARE * rows[table] for table, read in part.scanned.items()):
            return True
        for table in part.tables:
            written[table] = written.get(table, 0) + (part.rows or 0)
    return any(rows.get(table) and count >= _SHARE * rows[table] for table, count in written.items())


def _find_table(statements: Iterable[ObservedStatement], rows: Mapping[str, int]) -> str | None:
    """Find the table by whose rows statements grow: the largest of those that they read or write."""
    tables = {
        table
        for part in (part for each in statements for part in each.parts)
        for table in (*part.tables, *part.scanned, *part.rewritten)
        if table in rows
    }
    return max(sorted(tables), key=lambda table: rows[table], default=None)


def _count_written(parts: Iterable[StatementPart]) -> int:
    return sum(part.rows or 0 for part in parts)


def _generalize(text: str) -> str:
    """Give a statement without its values: batches are one statement."""
    return " ".join(_LITERAL.sub("?", text).split())


def read_rows(given: Mapping[str, int], tables: Iterable[str]) -> dict[str, int]:
    """Find the tables (`schema.name`) that a production's rows are given for, by that name or without the schema.

    Raises KeyError for one that is not there, or there in two schemas.
    """
    known = list(tables)
    found = {}
    for name, rows in given.items():
        matching = [table for table in known if name in (table, table.partition(".")[2])]
        if len(matching) != 1:
            raise KeyError(name)
        found[matching[0]] = rows
    return found


def add_growth(
    verdicts: Iterable[RehearsalVerdict], growth: Growth, observation: Observation, rows: Mapping[str, int]
) -> Iterator[RehearsalVerdict]:
    """Add to what takes longer with more rows how much longer, and how long with the production's `rows`."""
    for verdict in verdicts:
        growing = growth.keep(_find_statements(verdict, observation))
        a_million = sum(each.a_million_ms for each in growing.statements)
        if not a_million or verdict.code not in _GROWING:
            yield verdict
            continue
        facts = {**verdict.facts, "ms_per_million_rows": round(a_million)}
        message = verdict.message
        estimate_ms = growing.estimate_ms(rows)
        if estimate_ms is not None:
            facts["production_ms"] = round(estimate_ms)
            grown = {each.table for each in growing.statements if each.grows}
            named = {table: count for table, count in rows.items() if table in grown}
            sizes = ", ".join(f"{count:,} rows in {table}" for table, count in named.items())
            message += (
                f"; with {sizes} {say_magnitude(estimate_ms)}"
                " (an order of magnitude: of this machine, with nobody else in the database)"
            )
        yield msgspec.structs.replace(verdict, message=message, facts=facts)


def _find_statements(verdict: RehearsalVerdict, observation: Observation) -> list[ObservedStatement]:
    """Find the statements whose time a verdict is about: its own, and where it is about a lock, those under it."""
    own = [each for each in observation.statements if each.text == verdict.statement]
    if "held_ms" not in verdict.facts:
        return own or [
            each
            for each in observation.statements
            if verdict.statement and any(part.text == verdict.statement for part in each.parts)
        ]
    numbers = {each.number for each in own}
    for lock in observation.locks:
        if lock.table == verdict.table and lock.statement in numbers:
            numbers |= set(lock.kept_through)
    return [each for each in observation.statements if each.number in numbers]


def say_magnitude(duration_ms: float) -> str:
    """Say a duration as an order of magnitude."""
    for limit_s, words in _MAGNITUDES:
        if duration_ms / 1000 < limit_s:
            return words
    return "days"


_MAGNITUDES = (
    (1.0, "less than a second"),
    (10.0, "seconds"),
    (60.0, "some ten seconds"),
    (600.0, "minutes"),
    (3600.0, "some ten minutes"),
    (86400.0, "hours"),
)
