"""A rehearsal's report in other forms: JSON for programs, Markdown for a pull request."""

import msgspec

from ks_universal.json_types import Json
from ks_universal.markdown import escape_cell
from ks_universal.rehearsal.facts import RehearsalRun, VerdictSeverity
from ks_universal.rehearsal.rehearse import RehearsalReport
from ks_universal.rehearsal.verdicts import name_mode, shorten

_ICONS = {VerdictSeverity.ERROR: ":x:", VerdictSeverity.WARNING: ":warning:", VerdictSeverity.NOTE: ":memo:"}


def describe_rehearsal(report: RehearsalReport) -> Json:
    """Give a report as JSON-like data: `verdicts`, `statements`, `locks`, `schema`, `runs`, `rows`, `server`.

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
    """Write a report as a comment on a pull request."""
    lines = ["## Rehearsal of the migration", ""]
    if report.verdicts:
        lines += ["| | verdict | table | what | do instead |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {_ICONS[each.severity]} | `{each.code}` | {each.table or ''} | {escape_cell(each.message)} "
            f"| {escape_cell(each.advice)} |"
            for each in report.verdicts
        ]
    else:
        lines.append("Nothing to say against it.")
    lines += ["", "<details><summary>Statements</summary>", "", "| ms | statement |", "| ---: | --- |"]
    for each in report.statements:
        took = "" if each.duration_ms is None else f"{each.duration_ms:.1f}"
        lines.append(f"| {took} | `{escape_cell(shorten(each.text, 160))}` |")
    lines += ["", "</details>"]
    if report.schema:
        lines += ["", "<details><summary>Schema</summary>", "", "```diff", *report.schema, "```", "", "</details>"]
    return "\n".join((*lines, "", f"{report.server}; {describe_rows(report)}", ""))


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
    counts = {severity: sum(each.severity is severity for each in report.verdicts) for severity in VerdictSeverity}
    return ", ".join(f"{n} {name}{'s' * (n > 1)}" for name, n in counts.items() if n) or "Nothing to say against it"
