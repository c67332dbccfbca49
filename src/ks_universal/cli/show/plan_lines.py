"""A plan as lines for people: what it creates, changes and deletes, and which migrations run and why."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ks_universal import Change, FieldChange, ObjectChange, Operation, PlannedRun, Preview, RehearsalSummary
from ks_universal.cli.show.event_lines import format_time

_SIGNS = {Change.CREATED: "+", Change.CHANGED: "~", Change.DELETED: "-", Change.KEPT: "="}
_FIELD_SIGNS = {Operation.ADD: "+", Operation.REMOVE: "-", Operation.REPLACE: "~"}
_LONGEST_VALUE = 200


def format_plan(preview: Preview) -> Iterator[str]:
    """Say what a plan does; `nothing changes` where it does nothing."""
    yield f"{preview.release} in {preview.namespace}, revision {preview.revision}:"
    yield from format_changes(preview.changes, preview.namespace)
    yield from (f"  . {note}" for note in preview.notes)
    for run in (*preview.migrations, *preview.jobs):
        yield from _run_lines(run)
    if preview.rehearsal is not None:
        yield from (f"  {line}" for line in format_summary(preview.rehearsal))
    for skipped in preview.skipped:
        step = f"/{skipped.step}" if skipped.step else ""
        yield f"  . {skipped.application}/migrations{step} does not run: {skipped.why}"
    yield from (f"  . {skipped.id} does not run: {skipped.why}" for skipped in preview.skipped_jobs)
    yield count_changes(preview)


def format_changes(changes: Iterable[ObjectChange], home: str) -> Iterator[str]:
    """Say of each object what becomes of it, field by field, and its namespace where that is not `home`."""
    for change in changes:
        yield from _change_lines(change, home)


def format_summary(rehearsal: RehearsalSummary) -> Iterator[str]:
    """Say what a rehearsal has said: how many verdicts of each severity, then each, with what to do instead."""
    yield f"! rehearsed at {format_time(rehearsal.held)} on {rehearsal.server}: {count_severities(rehearsal)}"
    for verdict in rehearsal.verdicts:
        yield f"    {verdict.severity}[{verdict.code}]: {verdict.message}"
        if verdict.statement:
            yield f"      in: {verdict.statement[:_LONGEST_VALUE]}"
        if verdict.advice:
            yield f"      hint: {verdict.advice}"
    if rehearsal.left_out:
        yield f"    and {rehearsal.left_out} more"


def count_severities(rehearsal: RehearsalSummary) -> str:
    """Count verdicts: `1 error, 2 warnings`."""
    counts = Counter(verdict.severity for verdict in rehearsal.verdicts)
    return ", ".join(_count(number, severity) for severity, number in counts.items()) or "nothing to say against it"


def count_changes(preview: Preview) -> str:
    """Count what a plan does: `2 to create, 1 to change, 0 to delete, 3 unchanged; 1 migration and 1 job to run`."""
    counts = Counter(change.change for change in preview.changes)
    verbs = {
        Change.CREATED: "to create",
        Change.CHANGED: "to change",
        Change.DELETED: "to delete",
        Change.KEPT: "to keep",
    }
    parts = [
        f"{counts[change]} {verb}" for change, verb in verbs.items() if counts[change] or change is not Change.KEPT
    ]
    runs = _count(len(preview.migrations), "migration")
    if preview.jobs:
        runs += f" and {_count(len(preview.jobs), 'job')}"
    return f"{', '.join(parts)}, {counts[Change.UNCHANGED]} unchanged; {runs} to run"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _change_lines(change: ObjectChange, home: str) -> Iterator[str]:
    if change.change is Change.UNCHANGED:
        return
    place = "" if change.identity.namespace in ("", home) else f" in {change.identity.namespace}"
    yield f"  {_SIGNS[change.change]} {change.identity}{place}{_note(change)}"
    yield from (f"      {_format_field(field)}" for field in change.fields)


def _note(change: ObjectChange) -> str:
    if change.refused:
        return " (refused)"
    if change.change is not Change.KEPT:
        return ""
    by_annotation = f" (its annotation {change.kept_by} says so)"
    return by_annotation if change.kept_by else " (its data stays; 'uninstall --delete-data' removes it)"


def _run_lines(run: PlannedRun) -> Iterator[str]:
    yield f"  > {run.id} runs: {run.why}"
    yield f"      {run.image}: {' '.join(run.command) or 'its own command'}"


def _format_field(field: FieldChange) -> str:
    path = ".".join(map(str, field.path))
    match field.operation:
        case Operation.ADD:
            value = _format_value(field.new)
        case Operation.REMOVE:
            value = _format_value(field.old)
        case Operation.REPLACE:
            value = f"{_format_value(field.old)} -> {_format_value(field.new)}"
    return f"{_FIELD_SIGNS[field.operation]} {path}: {value}"


def _format_value(value: Any) -> str:
    text = value if isinstance(value, str) and value.isprintable() else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
