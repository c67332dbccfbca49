"""A rehearsal: its runs, and what they have told. Those on other rows run beside, on a second server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.masking import Mask
from ks_universal.errors import InputError
from ks_universal.rehearsal.before import (
    LackingError,
    add_rows,
    find_lack,
    make_base,
    run_seen,
    tell_not_connected,
)
from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.catalog import (
    Snapshot,
    diff_schemas,
    dump_schema,
    find_changed_data,
    take_snapshot,
)
from ks_universal.rehearsal.command import Command, copy_tree
from ks_universal.rehearsal.disturbances import disturb
from ks_universal.rehearsal.environment import say_variables
from ks_universal.rehearsal.facts import CommandResult, ObservedLock, ObservedStatement, RehearsalRun, VerdictSeverity
from ks_universal.rehearsal.filling import HAS_ROWS, RECORD, Filled, Kind, fill
from ks_universal.rehearsal.growth import UNFILLED, Growth, add_growth, measure_growth, read_rows
from ks_universal.rehearsal.hostile import run_on_hostile_rows
from ks_universal.rehearsal.observation import Observation
from ks_universal.rehearsal.observed_run import Observed, run_observed
from ks_universal.rehearsal.server import EMBEDDED, RehearsalServer, start_server, telling_failures
from ks_universal.rehearsal.squawk import SquawkFinding, find_shown, read_with_squawk
from ks_universal.rehearsal.verdicts import (
    RehearsalVerdict,
    judge_failure,
    list_lock_codes,
)
from ks_universal.rehearsal.way_back import find_new_records, judge_way_back

_AS_IT_IS = (HAS_ROWS, RECORD)
_COUNT_TABLES = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid >= 16384 AND c.relkind = 'r' AND n.nspname !~ '^pg_'"
)
_MOST_ROWS = 400_000
"""In all tables: more take longer than they tell."""
_HOSTILE_ROWS = 1_000
ROWS = 20_000
"""How many rows each table gets: more than migrations take in one batch."""


class RehearsalCommands(msgspec.Struct, frozen=True, kw_only=True):
    """What is rehearsed. `base` makes the state before: a command, the path of an SQL file, or `git:REFERENCE`.

    In the files of that reference the migrations themselves make it. `seed` is an SQL file that is run on it.
    `compat` are queries of the version before, which must work on the new schema, too. `mask` knows the secrets that
    the commands are given.
    """

    migrate: Command
    base: str | Command | None = None
    seed: str | None = None
    rollback: Command | None = None
    compat: Command | None = None
    mask: Mask = msgspec.field(default_factory=lambda: Mask(()))


class RehearsalReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a rehearsal has found. `schema` are the lines that the migration has removed (`-`) and added (`+`).

    `rows` are those of each table before it; `unfilled` says why a table has fewer than wanted. `squawk` is what that
    linter says of the statements, None where it is not installed. `growth` is None where it was not measured.
    """

    verdicts: tuple[RehearsalVerdict, ...]
    statements: tuple[ObservedStatement, ...]
    locks: tuple[ObservedLock, ...]
    schema: tuple[str, ...]
    runs: tuple[RehearsalRun, ...]
    rows: dict[str, int]
    server: str
    unfilled: dict[str, str] = {}
    squawk: tuple[SquawkFinding, ...] | None = None
    growth: Growth | None = None
    is_isolated: bool = False


Say = Callable[[str], None]


async def rehearse(  # noqa: PLR0913 - the last seven have a default
    commands: RehearsalCommands,
    *,
    folder: Path = Path(),
    rows: int = ROWS,
    production_rows: Mapping[str, int] = {},
    quick: bool = False,
    timeout_s: float = 300.0,
    server: RehearsalServer = EMBEDDED,
    say: Say = lambda _: None,
) -> RehearsalReport:
    """Run a migration against a throwaway PostgreSQL, and report what it did to the database.

    Each empty table of the state before gets that many `rows`. `production_rows` are those of the real tables, by
    name: for how long it will take there, as an order of magnitude. `quick` leaves out what runs it again and
    again: killed, two at once, on other rows.

    Raises InputError where the state before cannot be made, or the command never connects to the rehearsal's database;
    TargetError where the server cannot be started, or fails in the middle.
    """
    with telling_failures():
        while True:
            try:
                async with _open_bench(server, folder, timeout_s) as bench:
                    report = await _Rehearsal(commands, bench, say, folder).hold(rows, production_rows, quick=quick)
                masked: RehearsalReport = commands.mask.tree(report)
                return masked
            except LackingError as lack:
                say(str(lack))
                server = lack.wanted
            except InputError as error:
                raise InputError(commands.mask.problems(error.problems)) from None


@contextlib.asynccontextmanager
async def _open_bench(wanted: RehearsalServer, folder: Path, timeout_s: float) -> AsyncIterator[Bench]:
    async with start_server(wanted) as started:
        await asyncio.to_thread(copy_tree, folder, started.folder / "tree")
        yield Bench(server=started, tree=started.folder / "tree", timeout_s=timeout_s)


class _Rehearsal:
    def __init__(self, commands: RehearsalCommands, bench: Bench, say: Say, folder: Path) -> None:
        self._folder = folder
        self._commands = commands
        self._bench = bench
        self._server = bench.server
        self._say = say
        self._runs: list[RehearsalRun] = []
        self._verdicts: list[RehearsalVerdict] = []
        self._growth: Growth | None = None

    async def hold(self, rows: int, production_rows: Mapping[str, int], *, quick: bool) -> RehearsalReport:
        self._say(say_variables(self._server))
        for note in self._commands.migrate.notes:
            self._say(note)
        await self._make_base(self._bench, self._say)
        filled = await self._fill(self._bench, rows)
        before = await take_snapshot(self._server)
        known_rows = _read_production_rows(production_rows, before)
        await self._bench.keep_base()
        self._say("the migration, observed")
        observed = await run_observed(self._bench, self._commands.migrate, before)
        result, after = observed.result, observed.after
        if not observed.observation.has_connected:
            raise InputError([tell_not_connected(self._server, result)])
        if not result.is_success:
            find_lack(self._server, observed.observation.errors)
        is_whole = await self._bench.is_observed()
        self._note("migration", result, before, after, tuple(self._note_oddities(observed, before, is_whole)))
        self._verdicts += observed.verdicts
        if result.is_success:
            async with self._beside(rows, observed.observation, known_rows, quick=quick):
                has_repeated = await self._run_again(after)
                await self._roll_back(before, is_migrated=has_repeated)
                await self._try_old_version()
                if not quick:
                    await self._disturb(observed)
        statements = observed.observation.statements
        all_rows = {table.name: table.rows for table in before.tables.values()}
        shown = find_shown(statements, self._verdicts, list_lock_codes(observed.observation, all_rows))
        return RehearsalReport(
            squawk=await read_with_squawk(statements, shown, self._bench.tree, self._server.version),
            verdicts=tuple(sorted(self._verdicts, key=lambda each: list(VerdictSeverity).index(each.severity))),
            statements=statements,
            locks=observed.observation.locks,
            schema=diff_schemas(before.schema, after.schema),
            runs=tuple(self._runs),
            rows=all_rows,
            unfilled={each.table: each.reason for each in filled if each.reason and each.reason not in _AS_IT_IS},
            growth=self._growth,
            server=f"PostgreSQL {self._server.version}",
            is_isolated=self._server.is_isolated,
        )

    async def _make_base(self, bench: Bench, say: Say = lambda _: None) -> None:
        base, seed = self._commands.base, self._commands.seed
        if base is not None:
            say(f"the state before: {base if isinstance(base, str) else base.shown}")
            await make_base(bench, base, self._commands.migrate, self._folder)
        if seed is not None:
            say(f"the rows of {seed}")
            await add_rows(bench, seed)

    def _note_oddities(self, observed: Observed, before: Snapshot, is_whole: bool) -> Iterator[str]:
        """Say what is no fault of the migration, and what its facts must be read with."""
        yield from self._commands.migrate.notes
        if self._server.wanted.roles[1:]:
            yield f"production must have the roles {', '.join(self._server.wanted.roles[1:])}, too: they were made"
        if not is_whole:
            yield "it has removed what observes the database: what it did afterwards was not seen"
        if observed.result.is_success and observed.after.schema == before.schema and observed.after.data == before.data:
            yield "it has changed nothing in the database: is --base before it, and is it the one that it migrates?"

    async def _fill(self, bench: Bench, rows: int, kind: Kind = Kind.CLEAN) -> tuple[Filled, ...]:
        """Give the empty tables rows, fewer each where there are many tables."""
        import psycopg

        async with await psycopg.AsyncConnection.connect(bench.server.conninfo()) as connection:
            found = await (await connection.execute(_COUNT_TABLES)).fetchone()
            tables = found[0] if found else 0
            filled = await fill(connection, min(rows, _MOST_ROWS // max(tables, 1)), kind=kind)
        await bench.settle()
        return filled

    def _note(
        self, name: str, result: CommandResult, before: Snapshot, after: Snapshot, notes: tuple[str, ...] = ()
    ) -> RehearsalRun:
        run = RehearsalRun(
            name=name,
            result=result,
            schema_changes=diff_schemas(before.schema, after.schema),
            data_changes=find_changed_data(before, after),
            notes=notes,
        )
        self._runs.append(run)
        return run

    async def _run_again(self, before: Snapshot) -> bool:
        """Run it a second time; tells whether that did nothing."""
        self._say("the same once more")
        result = await self._bench.run(self._commands.migrate)
        after = await take_snapshot(self._server)
        run = self._note("second run", result, before, after)
        advice = "have it do nothing where all is done: a version table, IF NOT EXISTS, WHERE"
        if not result.is_success:
            self._verdicts.append(judge_failure(result, "not-repeatable", "run a second time it fails", advice))
        elif run.schema_changes or run.data_changes:
            what = f"the data of {', '.join(run.data_changes)}" if run.data_changes else "the schema"
            self._verdicts.append(
                RehearsalVerdict(
                    code="not-repeatable",
                    severity=VerdictSeverity.ERROR,
                    table=next(iter(run.data_changes), None),
                    message=f"run a second time it changes {what} again",
                    advice=advice,
                )
            )
        return result.is_success and not (run.schema_changes or run.data_changes)

    async def _roll_back(self, before: Snapshot, *, is_migrated: bool) -> None:
        """Go back; `is_migrated`: the database is as one run has left it."""
        command = self._commands.rollback
        if command is None:
            message = "there is no way back: no rollback command is given"
            advice = "give --rollback-command, or migrations.rollback in the values"
            self._verdicts.append(
                RehearsalVerdict(
                    code="rollback-missing", severity=VerdictSeverity.NOTE, table=None, message=message, advice=advice
                )
            )  # fmt: skip
            return
        self._say("back again")
        again = None
        if not is_migrated:
            await self._bench.restore_base()
            again = await self._bench.run(self._commands.migrate)
        result = await self._run_seen(command) if again is None or again.is_success else again
        after = await take_snapshot(self._server)
        if records := find_new_records(before, after):  # the tool's own, which it leaves behind
            after = msgspec.structs.replace(after, schema=await dump_schema(self._server, without=records))
        run = self._note("rollback", result, before, after)
        self._verdicts += judge_way_back(run, before, after)

    async def _try_old_version(self) -> None:
        command = self._commands.compat
        if command is None:
            return
        self._say("the queries of the version before, on the new schema")
        await self._bench.restore_base()
        reference = await self._run_seen(command)
        if not reference.is_success:
            message = (
                f"{command.shown} fails on the schema before, too (exit status {reference.status}): {reference.output}"
            )
            raise InputError([Problem("rehearsal/compat", message, hint="see --compat-command")])
        await self._bench.restore_base()
        await self._bench.run(self._commands.migrate)
        result = await self._bench.run(command)
        self._runs.append(RehearsalRun(name="old version", result=result))
        if not result.is_success:
            message = "queries of the version before fail on the new schema, while both versions run"
            advice = "add first, release, and remove in a later release (expand/contract)"
            self._verdicts.append(judge_failure(result, "breaks-old-version", message, advice))

    async def _run_seen(self, command: Command) -> CommandResult:
        """Run a command that must use this database. Raises InputError where it succeeds without."""
        seen = await run_seen(self._bench, command)
        if seen.result.is_success and not seen.has_connected:
            raise InputError([tell_not_connected(self._server, seen.result)])
        return seen.result

    async def _disturb(self, observed: Observed) -> None:
        disturbed = await disturb(
            self._bench,
            self._commands.migrate,
            after=observed.after,
            observation=observed.observation,
            verdicts=self._verdicts,
            say=self._say,
        )
        self._runs += disturbed.runs
        self._verdicts = list(disturbed.verdicts)

    @contextlib.asynccontextmanager
    async def _beside(
        self, rows: int, observation: Observation, known_rows: Mapping[str, int], *, quick: bool
    ) -> AsyncIterator[None]:
        """Run the migration on other rows meanwhile, on a second server; what that tells comes last."""
        if quick:
            yield
            return
        others = asyncio.ensure_future(self._run_on_other_rows(rows))
        try:
            yield
            self._say("on rows that the schema allows and few expect, and with more and more rows")
            run, verdicts, self._growth = await others
        finally:
            others.cancel()
            await asyncio.gather(others, return_exceptions=True)
        self._runs.append(run)
        self._verdicts = list(add_growth((*self._verdicts, *verdicts), self._growth, observation, known_rows))

    async def _run_on_other_rows(self, rows: int) -> tuple[RehearsalRun, tuple[RehearsalVerdict, ...], Growth]:
        async with _open_bench(self._server.wanted, self._folder, self._bench.timeout_s) as bench:
            await self._make_base(bench)
            await bench.keep_base(UNFILLED)
            few = min(rows, _HOSTILE_ROWS)
            run, verdicts = await run_on_hostile_rows(
                bench, self._commands.migrate, lambda bench: self._fill(bench, few, Kind.HOSTILE)
            )
            return run, verdicts, await measure_growth(bench, self._commands.migrate, self._fill)


def _read_production_rows(given: Mapping[str, int], before: Snapshot) -> dict[str, int]:
    tables = [table.name for table in before.tables.values()]
    try:
        return read_rows(given, tables)
    except KeyError as error:
        message = f"there is no table {error.args[0]} before the migration, or there are two"
        raise InputError([Problem("rehearsal/no-table", message, hint=f"there are {', '.join(tables)}")]) from None
