"""A rehearsal's report in other forms: JSON for programs, Markdown for a pull request."""

from collections.abc import Iterator

import msgspec

from ks_universal.json_types import Json
from ks_universal.markdown import escape_cell, quote_cell, write_code
from ks_universal.rehearsal.facts import ObservedStatement, RehearsalRun, VerdictSeverity
from ks_universal.rehearsal.rehearse import RehearsalReport
from ks_universal.rehearsal.squawk import SquawkFinding
from ks_universal.rehearsal.verdicts import RehearsalVerdict, name_mode, shorten

_ICONS = {VerdictSeverity.ERROR: ":x:", VerdictSeverity.WARNING: ":warning:", VerdictSeverity.NOTE: ":memo:"}
_TOLD_SHARE = 0.02
"""From which part of the whole time on a statement is shown by itself, whatever it did."""
_MOST_STATEMENTS, _MOST_LINES = 60, 300
"""Of a comment on GitHub, which takes 65,536 characters."""


def describe_rehearsal(report: RehearsalReport) -> Json:
    """Give a report as JSON-like data: `verdicts`, `statements`, `locks`, `schema`, `runs`, `rows`, `growth`, `server`.

    Times of day are Unix time in seconds, durations milliseconds (`_ms`) or seconds (`_s`).
    """
    described: Json = msgspec.to_builtins(report)
    for lock, fact in zip(described["locks"], report.locks, strict=True):
        lock["mode"] = name_mode(fact.mode)
        lock["blocks_reads"], lock["blocks_writes"] = fact.blocks_reads, fact.blocks_writes
    for statement in described["statements"]:
        del statement["held"]  # oids, which say nothing outside
    return described


def write_rehearsal_markdown(report: RehearsalReport) -> str:
    """Write a report as a comment on a pull request: what to know at once, the rest folded."""
    lines = [f"## Rehearsal of the migration: {count_verdicts(report).lower()}", ""]
    if report.verdicts:
        lines += ["| | verdict | table | what | do instead |", "| --- | --- | --- | --- | --- |"]
        lines += [_write_verdict(codes, verdict) for codes, verdict in join_verdicts(report)]
    lines += _fold("Statements", _list_statements(report))
    if report.runs:
        runs = [f"| {escape_cell(run.name)} | {escape_cell(describe_run(run))} |" for run in report.runs]
        lines += _fold("Runs", ["| run | what came of it |", "| --- | --- |", *runs])
    if report.squawk:
        lines += _fold("What squawk says of the SQL", _list_squawk(report.squawk))
    if report.schema:
        lines += _fold("Schema", [write_code("\n".join(report.schema[:_MOST_LINES]), "diff")])
    return "\n".join((*lines, "", f"{report.server}; {describe_rows(report)}", ""))


def _write_verdict(codes: tuple[str, ...], verdict: RehearsalVerdict) -> str:
    code = ", ".join(f"`{each}`" for each in codes)
    within = f"<br>{quote_cell(shorten(verdict.statement, 120))}" if verdict.statement else ""
    what, advice = escape_cell(verdict.message), escape_cell(verdict.advice)
    return f"| {_ICONS[verdict.severity]} | {code} | {escape_cell(verdict.table or '')} | {what}{within} | {advice} |"


def _list_statements(report: RehearsalReport) -> list[str]:
    """List those that say something; of very many not all, for a comment has a limit."""
    told = find_told(report)
    shown = [each for each in report.statements if each.number in told][:_MOST_STATEMENTS]
    rows = [
        f"| {each.number} | {'failed' if each.error else f'{each.duration_ms or 0:.1f}'} "
        f"| {escape_cell(_say_locks(each, report))} | {quote_cell(shorten(each.text, 160))} |"
        for each in shown
    ]
    rest = len(report.statements) - len(shown)
    more = ["", f"and {rest} more, which took and locked little"] if rest else []
    return ["| # | ms | locks | statement |", "| ---: | ---: | --- | --- |", *rows, *more]


def _say_locks(statement: ObservedStatement, report: RehearsalReport) -> str:
    locks = [each for each in report.locks if each.statement == statement.number and each.blocks_writes]
    strongest = {each.table: each for each in sorted(locks, key=lambda each: (each.blocks_reads, each.held_ms))}
    return ", ".join(f"{each.table} {each.held_ms:.0f} ms" for each in strongest.values())


def _list_squawk(findings: tuple[SquawkFinding, ...]) -> list[str]:
    rows = [
        f"| `{each.rule}` | {each.observed} | {each.statement} | {escape_cell(each.message)} |"
        for each in findings[:_MOST_STATEMENTS]
    ]
    return ["| rule | in this run | # | what |", "| --- | --- | ---: | --- |", *rows]


def _fold(title: str, lines: list[str]) -> list[str]:
    return ["", f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def join_verdicts(report: RehearsalReport) -> Iterator[tuple[tuple[str, ...], RehearsalVerdict]]:
    """Give each verdict with its codes: that nobody can write where nobody can read is said with that one."""
    unreadable = {(each.table, each.statement) for each in report.verdicts if each.code == "blocks-reads"}
    for verdict in report.verdicts:
        if verdict.code == "blocks-reads":
            yield ("blocks-reads", "blocks-writes"), verdict
        elif verdict.code != "blocks-writes" or (verdict.table, verdict.statement) not in unreadable:
            yield (verdict.code,), verdict


def find_told(report: RehearsalReport) -> set[int]:
    """Find the statements that are shown by themselves, by number: those that say something, or that took long."""
    whole_ms = sum(each.duration_ms or 0.0 for each in report.statements)
    named = {verdict.statement for verdict in report.verdicts if verdict.statement}
    told = {lock.statement for lock in report.locks if lock.blocks_writes}
    for each in report.statements:
        is_long = (each.duration_ms or 0.0) >= _TOLD_SHARE * whole_ms
        if each.error or is_long or named.intersection(list_texts(each)):
            told.add(each.number)
    return told


def list_texts(statement: ObservedStatement) -> Iterator[str]:
    """Give what was sent, and what ran within that."""
    yield statement.text
    yield from (part.text for part in statement.parts)


def describe_rows(report: RehearsalReport) -> str:
    """Say how many rows the tables had."""
    if not report.rows:
        return "there was no table before"
    largest = max(report.rows, key=lambda table: report.rows[table])
    return f"{len(report.rows)} tables before it, the largest ({largest}) with {report.rows[largest]:,} rows"


def describe_run(run: RehearsalRun) -> str:
    """Say how a run ended, and what it has changed."""
    changed = [f"{len(run.schema_changes)} lines of the schema"] if run.schema_changes else []
    changed += [f"data of {', '.join(run.data_changes)}"] if run.data_changes else []
    verb, nothing = ("changes", "changes nothing")
    if run.name == "rollback":
        verb, nothing = ("leaves changed", "is as before")
    elif run.is_disturbed:
        verb, nothing = ("differs from one run in", "is as after one run")
    did = f"{verb} {' and '.join(changed)}" if changed else nothing
    return f"exit status {run.result.status} after {run.result.duration_s:.1f} s; {did}"


def count_verdicts(report: RehearsalReport) -> str:
    """Say how many verdicts there are of each severity: `2 errors, 1 note`."""
    told = [verdict for _, verdict in join_verdicts(report)]
    counts = {severity: sum(each.severity is severity for each in told) for severity in VerdictSeverity}
    return ", ".join(f"{n} {name}{'s' * (n > 1)}" for name, n in counts.items() if n) or "Nothing to say against it"
