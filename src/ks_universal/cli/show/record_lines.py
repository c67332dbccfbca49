"""The record of a release as lines for people: its runs, its migrations, what was said."""

from collections.abc import Iterable, Iterator, Sequence

from ks_universal import Outcome, Revision, StepLog, StepRecord
from ks_universal.cli.show.console import style
from ks_universal.cli.show.event_lines import format_attempt, format_duration, format_time
from ks_universal.cli.show.folding import fold_tracebacks, shows
from ks_universal.cli.show.plan_lines import count_severities, format_summary

_COLOURS = {Outcome.SUCCEEDED: "green", Outcome.RUNNING: "cyan", Outcome.PENDING: "cyan", Outcome.INTERRUPTED: "yellow"}


def format_history(revisions: Iterable[Revision]) -> Iterator[str]:
    """List runs in the order given, one a line: of a run without migrations also which kind of run it was."""
    rows = [
        (
            str(revision.number),
            format_time(revision.started),
            revision.outcome,
            _duration(revision) or "-",
            _list_images(revision),
            _name_kind(revision)
            + (", ".join(f"{step.id} {step.outcome}" for step in revision.steps) or "no migrations")
            + (f"; rehearsed: {count_severities(revision.rehearsal)}" if revision.rehearsal else ""),
            revision.by,
        )
        for revision in revisions
    ]
    return _format_table(("REVISION", "WHEN", "OUTCOME", "TOOK", "IMAGES", "MIGRATIONS", "BY"), rows)


def format_releases(latest: Iterable[Revision]) -> Iterator[str]:
    """List releases by their latest runs, one a line."""
    rows = [
        (
            revision.namespace,
            revision.release,
            str(revision.number),
            format_time(revision.ended or revision.started),
            revision.outcome,
            _list_images(revision),
            revision.by,
        )
        for revision in latest
    ]
    return _format_table(("NAMESPACE", "NAME", "REVISION", "WHEN", "OUTCOME", "IMAGES", "BY"), rows)


def _format_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = [_paint(cell, f"{cell:<{width}}") for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def _paint(cell: str, text: str) -> str:
    """Colour the cell of an outcome."""
    return _style_outcome(cell, text) if isinstance(cell, Outcome) else text


def _style_outcome(outcome: Outcome, text: str) -> str:
    return style(text, colour=_COLOURS.get(outcome, "red"))


def _list_images(revision: Revision) -> str:
    """List the images without their registries: `shop:1.2`."""
    images = dict.fromkeys(image.rpartition("/")[2] for each in revision.images.values() for image in each)
    return ", ".join(images) or "-"


def format_revision(revision: Revision) -> Iterator[str]:
    """Say all that the record knows of a run: outcome, causes, each migration with its attempts, what ran after it."""
    outcome = _style_outcome(revision.outcome, revision.outcome)
    where = f" in {revision.namespace}" if revision.namespace else ""  # on this machine there may be none
    yield f"revision {revision.number} of {revision.release}{where}: {outcome}"
    yield f"  by {revision.by} at {format_time(revision.started)}" + (
        f", {_duration(revision)}" if revision.ended else ""
    )
    if kind := _name_kind(revision):
        yield f"  {kind.removesuffix('; ')}"
    if revision.rehearsal is not None:
        yield from (f"  {line}" for line in format_summary(revision.rehearsal))
    for failure in revision.failures:
        yield f"  failed step: {failure.step}"
        yield from (f"    {line}" for cause in failure.causes for line in str(cause).splitlines())
    for step in revision.steps:
        yield from _format_step(step)
    for application in revision.planned:
        number = revision.runs.get(application)
        runs = "nothing of it ran" if number is None else f"revision {number} was rolled out last"
        yield f"  {application}: {runs}"


def format_log(log: StepLog) -> Iterator[str]:
    """Give what attempts said last, under a line that says of which run each was and how it ended."""
    for attempt in log.attempts:
        yield f"revision {log.revision}, {log.id}, {format_attempt(attempt, attempt.reason)}"
        for name, lines in attempt.sidecar_tails.items():
            yield f"  sidecar {name}:"
            yield from (f"  | {line}" for line in fold_tracebacks(lines))
            yield f"  {log.id}:"
        last = fold_tracebacks(attempt.log_tail)
        if not shows(last, attempt.excerpt):
            yield from (f"  | {line}" for line in fold_tracebacks(attempt.excerpt))
            yield "  ..."
        yield from (f"  | {line}" for line in last)


def _format_step(step: StepRecord) -> Iterator[str]:
    yield f"  {step.id}: {step.outcome}"
    yield f"    {step.image}: {' '.join(step.command) or 'its own command'}"
    for attempt in step.attempts:
        yield f"    {format_attempt(attempt, attempt.reason)}"
        if attempt.exit_code == 0:
            yield from (f"      {line}" for cause in attempt.causes for line in str(cause).splitlines())


def _name_kind(revision: Revision) -> str:
    """Name the run where it is no deploy."""
    if revision.back_to is not None:
        return f"rollback to revision {revision.back_to}; "
    return "migrations only; " if revision.only_migrates else ""


def _duration(revision: Revision) -> str:
    return "" if revision.ended is None else format_duration((revision.ended - revision.started).total_seconds())
