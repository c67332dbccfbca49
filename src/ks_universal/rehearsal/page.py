"""A rehearsal's report as an HTML page that people can look at: verdicts, statements and locks in time, all facts."""

from collections.abc import Iterable, Iterator, Sequence

from ks_universal.html_page import (
    Bar,
    Scale,
    draw_axis,
    draw_bars,
    escape,
    format_duration,
    make_scale,
    write_legend,
    write_page,
    write_section,
    write_table,
)
from ks_universal.rehearsal.facts import ObservedLock, ObservedStatement, StatementPart
from ks_universal.rehearsal.rehearse import RehearsalReport
from ks_universal.rehearsal.report import (
    count_verdicts,
    describe_rows,
    describe_run,
    find_told,
    join_verdicts,
    list_texts,
)
from ks_universal.rehearsal.verdicts import RehearsalVerdict, name_mode, shorten

_FEWEST_FOLDED = 3
_LONGEST_LINE = 300
_LOCKS = {
    "reads": "nobody can read or write",
    "writes": "nobody can write",
    "other": "a lock that lets both go on",
}
_OBSERVED = {"confirmed": "error"}
_STATEMENTS = {
    "work": "a statement",
    "failed": "one that failed",
    "reads": "below it: for how long nobody can read or write",
    "writes": "for how long nobody can write",
}


def write_rehearsal_page(report: RehearsalReport) -> str:
    """Write a report as one HTML file, which needs no other: no script runs in it, and nothing is loaded."""
    command = report.runs[0].result.command if report.runs else ""
    return write_page(
        "Rehearsal of the migration",
        "<h1>Rehearsal of the migration</h1>",
        f'<p class="dim"><code>{escape(shorten(command, _LONGEST_LINE))}</code></p>',
        f'<p class="dim">{escape(report.server)}; {escape(describe_rows(report))}</p>',
        *_write_locks(report),
        write_section(count_verdicts(report), *_write_verdicts(report)),
        *_write_statements(report),
        write_section("Runs", write_table(("run", "what came of it"), _list_runs(report))),
        *_write_squawk(report),
        *_write_growth(report),
        *_write_schema(report.schema),
        *_write_rows(report),
    )


def _write_verdicts(report: RehearsalReport) -> Iterator[str]:
    numbers = {text: each.number for each in reversed(report.statements) for text in list_texts(each)}
    for codes, verdict in join_verdicts(report):
        yield _write_verdict(verdict, ", ".join(codes), numbers.get(verdict.statement or ""))


def _write_verdict(verdict: RehearsalVerdict, codes: str, number: int | None) -> str:
    severity = escape(verdict.severity)
    table = f' <span class="dim">{escape(verdict.table)}</span>' if verdict.table else ""
    link = f' <a href="#statement-{number}">statement {number}</a>' if number else ""
    facts = ", ".join(f"{name} {value}" for name, value in verdict.facts.items())
    statement = f"<pre>{escape(verdict.statement)}</pre>" if verdict.statement else ""
    more = f'{statement}<p class="dim">{escape(facts)}</p>' if facts or statement else ""
    return (
        f'<div class="card {severity}"><h3><span class="badge {severity}">{severity}</span> '
        f"{escape(codes)}{table}{link}</h3><p>{escape(verdict.message)}</p>"
        f"<p><b>Instead:</b> {escape(verdict.advice)}</p>"
        + (f'<details><summary class="dim">▸ what it rests on</summary>{more}</details>' if more else "")
        + "</div>"
    )


def _write_locks(report: RehearsalReport) -> Iterator[str]:
    if not report.statements:
        return
    scale = _find_scale(report)
    head = f'<div class="row lane head"><span>table</span>{draw_axis(scale)}</div>'
    lanes = "".join(_write_lane(scale, table, locks) for table, locks in _sort_by_table(report.locks))
    shown = head + lanes if lanes else '<p class="dim">No lock on a table that was there before.</p>'
    yield write_section("Who was locked out, and when", write_legend(_LOCKS), shown)


def _write_statements(report: RehearsalReport) -> Iterator[str]:
    if not report.statements:
        return
    scale = _find_scale(report)
    names = '<span class="number">#</span><span>statement</span><span class="number">took</span>'
    names += '<span class="number more">rows</span><span class="number more">WAL</span>'
    told = find_told(report)
    rows = "".join(_write_rows_of(run, scale, report, is_told=is_told) for is_told, run in _divide(report, told))
    head = f'<div class="row head">{names}{draw_axis(scale)}</div>'
    yield write_section("Statements", write_legend(_STATEMENTS), head, rows)


def _find_scale(report: RehearsalReport) -> Scale:
    ends = [each.began_s + (each.duration_ms or 0.0) / 1000 for each in report.statements]
    ends += [_end(lock) for lock in report.locks]
    return make_scale(min(each.began_s for each in report.statements), max(ends))


def _sort_by_table(locks: Iterable[ObservedLock]) -> list[tuple[str, list[ObservedLock]]]:
    """Sort locks by table, those first whose table was locked longest; of each table the strongest last."""
    tables: dict[str, list[ObservedLock]] = {}
    for lock in sorted(locks, key=_find_strength):
        tables.setdefault(lock.table, []).append(lock)
    return sorted(tables.items(), key=lambda entry: -sum(lock.held_ms for lock in entry[1] if lock.blocks_writes))


def _find_strength(lock: ObservedLock) -> tuple[bool, bool]:
    """Tell how much a lock keeps from others, for order: what is drawn later hides what was drawn before."""
    return lock.blocks_reads, lock.blocks_writes


def _write_lane(scale: Scale, table: str, locks: Sequence[ObservedLock]) -> str:
    longest = max((lock.held_ms for lock in locks if lock.blocks_writes), default=0.0)
    said = format_duration(longest) if longest else ""
    bars = draw_bars(scale, (_draw_lock(lock) for lock in locks))
    name = f'<span class="name"><span class="line">{escape(table)}</span><span class="dim">{said}</span></span>'
    return f'<div class="row lane">{name}{bars}</div>'


def _draw_lock(lock: ObservedLock, *, is_thin: bool = False) -> Bar:
    kind = "reads" if lock.blocks_reads else "writes" if lock.blocks_writes else "other"
    on = f"the index {lock.index} of {lock.table}" if lock.index else lock.table
    title = f"{name_mode(lock.mode)} on {on}, held {format_duration(lock.held_ms)}, taken by statement {lock.statement}"
    return Bar(began_s=lock.began_s, ended_s=_end(lock), kind=kind, title=title, is_thin=is_thin)


def _end(lock: ObservedLock) -> float:
    return lock.began_s + lock.held_ms / 1000


def _divide(report: RehearsalReport, told: set[int]) -> Iterator[tuple[bool, list[ObservedStatement]]]:
    """Divide the statements into runs of those that are shown by themselves, and of others."""
    run: list[ObservedStatement] = []
    for each in report.statements:
        if run and (run[-1].number in told) != (each.number in told):
            yield run[-1].number in told, run
            run = []
        run.append(each)
    if run:
        yield run[-1].number in told, run


def _write_rows_of(run: Sequence[ObservedStatement], scale: Scale, report: RehearsalReport, *, is_told: bool) -> str:
    rows = "".join(_write_statement(each, scale, report) for each in run)
    if is_told or len(run) < _FEWEST_FOLDED:
        return rows
    took_ms = sum(each.duration_ms or 0.0 for each in run)
    written = sum(_count_rows(each.parts) or 0 for each in run)
    title = f"{len(run)} more, each short: {shorten(run[0].text, 40)} …"
    whole = Bar(
        began_s=run[0].began_s, ended_s=_draw_statement(run[-1]).ended_s, kind="work", title=title, is_thin=True
    )
    bars = draw_bars(scale, (whole,))
    return (
        f'<details><summary class="row dim"><span class="number">▸</span><span class="line">{escape(title)}</span>'
        f'<span class="number">{format_duration(took_ms)}</span><span class="number more">{written or ""}</span>'
        f'<span class="more"></span>{bars}</summary>{rows}</details>'
    )


def _write_statement(statement: ObservedStatement, scale: Scale, report: RehearsalReport) -> str:
    own = (lock for lock in report.locks if lock.statement == statement.number and lock.blocks_writes)
    locks = sorted(own, key=_find_strength)
    bars = draw_bars(scale, (*(_draw_lock(lock, is_thin=True) for lock in locks), _draw_statement(statement)))
    took = "failed" if statement.error else format_duration(statement.duration_ms or 0.0)
    rows, wal = _count_rows(statement.parts), sum(part.wal_bytes or 0 for part in statement.parts)
    return (
        f'<details id="statement-{statement.number}"{" class=failed" if statement.error else ""}><summary class="row">'
        f'<span class="number dim">{statement.number}</span>'
        f'<code class="line">{escape(shorten(statement.text, _LONGEST_LINE))}</code>'
        f'<span class="number took">{escape(took)}</span>'
        f'<span class="number more">{"" if rows is None else f"{rows:,}"}</span>'
        f'<span class="number more">{_format_bytes(wal)}</span>{bars}</summary>'
        f'<div class="inner">{"".join(_write_details(statement, locks))}</div></details>'
    )


def _draw_statement(statement: ObservedStatement) -> Bar:
    took_ms = statement.duration_ms or 0.0
    title = f"{statement.number}: {shorten(statement.text)}, {format_duration(took_ms)}"
    kind = "failed" if statement.error else "work"
    return Bar(began_s=statement.began_s, ended_s=statement.began_s + took_ms / 1000, kind=kind, title=title)


def _write_details(statement: ObservedStatement, locks: Sequence[ObservedLock]) -> Iterator[str]:
    yield f"<pre>{escape(statement.text)}</pre>"
    if statement.error:
        yield f"<p><b>{escape(statement.error.code)}</b> {escape(statement.error.message)}</p>"
    for lock in locks:
        timeout = f"lock_timeout {lock.lock_timeout}" if lock.has_lock_timeout else "lock_timeout is not set"
        yield f"<p>{escape(_draw_lock(lock).title)}; {escape(timeout)}</p>"
        if lock.kept_through:
            kept = ", ".join(map(str, lock.kept_through[:20]))
            yield f'<p class="dim">kept through {escape(kept)}{" …" if len(lock.kept_through) > 20 else ""}</p>'
    for part in statement.parts:
        if facts := "; ".join(_list_facts(part)):
            text = "" if part.text == statement.text else f"<code>{escape(shorten(part.text, 160))}</code>: "
            yield f"<p>{text}{escape(facts)}</p>"


def _list_facts(part: StatementPart) -> Iterator[str]:
    if part.rows is not None:
        yield f"{part.operation or 'writes'} {part.rows:,} rows of {', '.join(part.tables)}"
    yield from (f"writes {table} anew" for table in part.rewritten)
    yield from (f"reads {count:,} rows of {table}" for table, count in part.scanned.items())
    yield from (f"builds the index {name}" for name in part.indexes)
    if part.wal_bytes:
        yield f"{_format_bytes(part.wal_bytes)} of WAL"


def _count_rows(parts: Iterable[StatementPart]) -> int | None:
    counts = [part.rows for part in parts if part.rows is not None]
    return sum(counts) if counts else None


def _format_bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.0f} kB" if size >= 1000 else ""


def _list_runs(report: RehearsalReport) -> Iterator[tuple[str, str]]:
    for run in report.runs:
        kind = "ok" if run.result.is_success else "error"
        notes = "".join(f'<p class="dim">{escape(note)}</p>' for note in run.notes)
        output = "" if run.result.is_success else f"<pre>{escape(run.result.output)}</pre>"
        name = f'<span class="badge {kind}">{run.result.status}</span> {escape(run.name)}'
        yield name, f"{escape(describe_run(run))}{notes}{output}"


def _write_squawk(report: RehearsalReport) -> Iterator[str]:
    if report.squawk is None:
        yield write_section("squawk", '<p class="dim">It is not installed (pip install squawk-cli).</p>')
    elif report.squawk:
        head = ("rule", "in this run", "statement", "what it says")
        rows = (
            (
                f"<code>{escape(each.rule)}</code>",
                f'<span class="badge {_OBSERVED.get(each.observed, "other")}">{escape(each.observed)}</span>',
                f'<a href="#statement-{each.statement}">{each.statement}</a>',
                escape(" ".join(filter(None, (each.message, each.help)))),
            )
            for each in report.squawk
        )
        yield write_section("What squawk says of the SQL", write_table(head, rows))


def _write_growth(report: RehearsalReport) -> Iterator[str]:
    growth = report.growth
    if growth is None:
        return
    grown = [each for each in growth.statements if each.grows]
    head = ("statement", "rows of", "took with that many rows", "a million more take")
    rows = [
        (
            f"<code>{escape(shorten(each.text, 160))}</code>",
            escape(each.table or ""),
            "<br>".join(f"{count:,}: {format_duration(took_ms)}" for count, took_ms in each.times_ms.items()),
            format_duration(each.a_million_ms),
        )
        for each in grown
    ]
    missing = "".join(f'<p class="dim">{escape(each)}</p>' for each in growth.missing)
    table = write_table(head, rows) if rows else "<p>No statement takes longer with more rows.</p>"
    yield write_section("With more and more rows", table, missing)


def _write_schema(schema: Sequence[str]) -> Iterator[str]:
    if schema:
        kinds = {"-": "removed", "+": "added"}
        lines = (f'<span class="{kinds.get(line[:1], "")}">{escape(line)}</span>' for line in schema)
        yield write_section("Schema", f"<pre>{chr(10).join(lines)}</pre>")


def _write_rows(report: RehearsalReport) -> Iterator[str]:
    if report.rows:
        head = ("table", "rows before", "")
        ordered = sorted(report.rows.items(), key=lambda entry: -entry[1])
        rows = ((escape(name), f"{count:,}", escape(report.unfilled.get(name, ""))) for name, count in ordered)
        yield write_section("Rows", write_table(head, rows))
