"""A rehearsal's report on one screen."""

from collections.abc import Iterator, Sequence

from ks_universal import ObservedStatement, RehearsalReport, RehearsalRun, RehearsalVerdict, describe_run

_STATEMENT_WIDTH = 64
_MOST_STATEMENTS = 30
_LONG_MS = 100.0


def format_rehearsal(report: RehearsalReport) -> Iterator[str]:
    """Give the lines: the verdicts, what the statements took, how the runs ended, what was there."""
    unreadable = {verdict.table for verdict in report.verdicts if verdict.code == "blocks-reads"}
    for verdict in report.verdicts:
        if verdict.code != "blocks-writes" or verdict.table not in unreadable:  # said with that one
            yield from _format_verdict(verdict)
    if not report.verdicts:
        yield "nothing to say against it"
        yield ""
    yield from _format_statements(report)
    yield from _format_squawk(report)
    for run in report.runs:
        yield from _format_run(run)
    for table, reason in report.unfilled.items():
        yield f"{table} has fewer rows than wanted: {reason}"
    rows = sorted(report.rows.items(), key=lambda entry: -entry[1])
    shown = ", ".join(f"{table} {count:,}" for table, count in rows[:4])
    yield f"{report.server}; rows before: {shown or 'no tables'}{', ...' if len(rows) > 4 else ''}"
    if not report.is_isolated:
        yield "the commands had the network of this machine: they could reach other databases, too (see --isolate)"


def _format_verdict(verdict: RehearsalVerdict) -> Iterator[str]:
    yield f"{verdict.severity}[{verdict.code}]: {verdict.message}"
    if verdict.statement:
        yield f"  in: {' '.join(verdict.statement.split())[:100]}"
    yield f"  hint: {verdict.advice}"


def _format_run(run: RehearsalRun) -> Iterator[str]:
    yield f"{run.name}: {describe_run(run)}"
    yield from (f"  {note}" for note in run.notes)
    if not run.result.is_success:
        yield from (f"  | {line}" for line in run.result.output.splitlines()[-6:])


def _format_statements(report: RehearsalReport) -> Iterator[str]:
    """Show what changed something, failed, or took long; what only reads is left out."""
    locked = {lock.statement for lock in report.locks if lock.blocks_writes}
    told = [each for each in report.statements if each.error or each.number in locked or _has_worked(each)]
    for statement in told[:_MOST_STATEMENTS]:
        line = " ".join(statement.text.split())
        short = line if len(line) <= _STATEMENT_WIDTH else f"{line[: _STATEMENT_WIDTH - 3]}..."
        took = "failed" if statement.error else f"{statement.duration_ms or 0:.1f} ms"
        blocking = [lock for lock in report.locks if lock.statement == statement.number and lock.blocks_writes]
        locks = ", ".join(dict.fromkeys(f"{lock.table} {lock.held_ms:.0f} ms" for lock in blocking))
        yield f"  {took:>11}  {short:<{_STATEMENT_WIDTH}}  {f'locks {locks}' if locks else ''}".rstrip()
    if rest := len(report.statements) - len(told[:_MOST_STATEMENTS]):
        yield f"  {'':>11}  and {rest} more (-o json has all)"
    if report.statements:
        yield ""


def _has_worked(statement: ObservedStatement) -> bool:
    is_change = any(part.operation or part.duration_ms is None for part in statement.parts)
    return is_change or (statement.duration_ms or 0.0) >= _LONG_MS


def _format_squawk(report: RehearsalReport) -> Iterator[str]:
    if report.squawk is None:
        yield "squawk, which reads the SQL, is not installed (pip install squawk-cli)"
        return
    rules: dict[str, dict[str, list[int]]] = {}
    for finding in report.squawk:
        rules.setdefault(finding.observed, {}).setdefault(finding.rule, []).append(finding.statement)
    for observed, found in sorted(rules.items()):
        yield f"squawk, {observed}: {', '.join(_name_rule(rule, found[rule]) for rule in sorted(found))}"


def _name_rule(rule: str, statements: Sequence[int]) -> str:
    shown = ", ".join(map(str, statements[:3])) + (", ..." if len(statements) > 3 else "")
    return f"{rule} (statement {shown})"
