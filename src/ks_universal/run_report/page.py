"""The report of a run as an HTML page that people can look at: the causes first, then the steps in time."""

from collections.abc import Iterator, Sequence

from ks_universal.diagnostics import Problem
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
)
from ks_universal.plan.records import Outcome
from ks_universal.run_report.forms import choose_causes, describe_step, list_failed
from ks_universal.run_report.timeline import RunTimeline, StepState, TimedStep, TimeSpan

_COLOURS = {
    "work": "a step; of a migration or Job, an attempt that succeeded",
    "failed": "what failed",
    "other": "below it: waiting",
}
_BADGES = {
    StepState.SUCCEEDED: "ok",
    StepState.FAILED: "error",
    StepState.PAUSED: "warning",
    StepState.UNFINISHED: "warning",
    StepState.NOT_STARTED: "other",
    StepState.UNCHANGED: "other",
}


def write_run_page(timeline: RunTimeline, verdict: str) -> str:
    """Write a run as one HTML file, which needs no other; `verdict` says in one line how it ended."""
    kind = "ok" if timeline.outcome is Outcome.SUCCEEDED else "error"
    began = f"{timeline.began:%Y-%m-%d %H:%M:%S} UTC, took {format_duration(timeline.duration_s * 1000)}"
    waited = f"; waited for {timeline.waited_for}" if timeline.waited_for else ""
    return write_page(
        verdict,
        f'<h1>{escape(verdict)} <span class="badge {kind}">{escape(timeline.outcome)}</span></h1>',
        f'<p class="dim">{escape(began)}{escape(waited)}</p>',
        *_write_causes(timeline),
        *_write_steps(timeline),
        *_write_serving(timeline),
        *_write_plan(timeline),
    )


def _write_causes(timeline: RunTimeline) -> Iterator[str]:
    cards = [_write_problem(problem) for problem in timeline.problems]
    for step in list_failed(timeline):
        cards += [_write_problem(cause, step.id) for cause in choose_causes(step)]
    if cards:
        yield write_section("What went wrong, the first cause first", *cards)


def _write_problem(problem: Problem, step: str = "") -> str:
    severity = escape(problem.severity)
    link = f' <a href="#step-{escape(step)}">{escape(step)}</a>' if step else ""
    place = f'<p class="dim">{escape(problem.where)}</p>' if problem.where else ""
    hint = f"<p><b>Do:</b> {escape(problem.hint)}</p>" if problem.hint else ""
    return (
        f'<div class="card {severity}"><h3><span class="badge {severity}">{severity}</span> '
        f"{escape(problem.code)}{link}</h3><p>{escape(problem.message)}</p>{place}{hint}</div>"
    )


def _write_steps(timeline: RunTimeline) -> Iterator[str]:
    if not timeline.steps:
        return
    scale = make_scale(0.0, timeline.duration_s)
    head = f'<div class="row lane steps head"><span>step</span>{draw_axis(scale)}</div>'
    rows = (_write_step(step, scale) for step in timeline.steps if step.state is not StepState.UNCHANGED)
    yield write_section("Steps", write_legend(_COLOURS), head, *rows)


def _write_step(step: TimedStep, scale: Scale) -> str:
    took = "" if step.span is None else format_duration(_measure(step.span))
    name = (
        f'<span class="name"><span class="badge {_BADGES[step.state]}">{escape(step.state)}</span>'
        f'<span class="line">{escape(step.id)}</span><span class="dim">{took}</span></span>'
    )
    opened = " open" if step.state is StepState.FAILED else ""
    return (
        f'<details id="step-{escape(step.id)}"{opened}><summary class="row lane steps">{name}'
        f'{draw_bars(scale, _draw(step))}</summary><div class="inner">{"".join(_write_details(step))}</div></details>'
    )


def _draw(step: TimedStep) -> Iterator[Bar]:
    """Draw a step: its attempts where it has any, and below them what it waited for."""
    if step.span is None:
        return
    kind = "failed" if step.state is StepState.FAILED else "work"
    if not step.attempts:
        yield _draw_span(step.span.began_s, step.span.ended_s, kind, f"{step.id}: {describe_step(step)}")
    for each in step.attempts:
        kind = "work" if each.attempt.exit_code == 0 else "failed"
        yield _draw_span(each.began_s, each.ended_s, kind, f"attempt {each.attempt.number}")
    for wait in step.waits:
        yield _draw_span(wait.began_s, wait.ended_s, "other", f"waits for {wait.waits_for}", is_thin=True)


def _draw_span(began_s: float, ended_s: float, kind: str, what: str, *, is_thin: bool = False) -> Bar:
    title = f"{what}, {format_duration((ended_s - began_s) * 1000)}"
    return Bar(began_s=began_s, ended_s=ended_s, kind=kind, title=title, is_thin=is_thin)


def _write_details(step: TimedStep) -> Iterator[str]:
    yield f"<p>{escape(describe_step(step))}</p>"
    for each in step.attempts:
        attempt = each.attempt
        ended = "did not end by itself" if attempt.exit_code is None else f"exit code {attempt.exit_code}"
        reason = f" ({attempt.reason})" if attempt.reason else ""
        yield f"<p>attempt {attempt.number}: {escape(ended)}{escape(reason)}</p>"
    if waits := [f"{each.waits_for} ({format_duration(_measure(each))})" for each in step.waits]:
        yield f'<p class="dim">waited for {escape("; ".join(waits))}</p>'
    yield "".join(f'<p class="dim">{escape(line)}</p>' for line in step.changes)
    if step.log:
        omitted = f'<p class="dim">{step.log_omitted} lines in the middle are left out</p>' if step.log_omitted else ""
        yield f"{omitted}<pre>{escape(chr(10).join(step.log))}</pre>"


def _measure(span: TimeSpan) -> float:
    """Give how long it took, in milliseconds."""
    return (span.ended_s - span.began_s) * 1000


def _write_serving(timeline: RunTimeline) -> Iterator[str]:
    if timeline.runs:
        says: Sequence[str] = [
            f"{application}: {'nothing of it runs' if revision is None else f'revision {revision} serves'}"
            for application, revision in timeline.runs.items()
        ]
        yield write_section("What runs now", *(f"<p>{escape(line)}</p>" for line in says))


def _write_plan(timeline: RunTimeline) -> Iterator[str]:
    if timeline.warnings:
        yield write_section("Warnings", *(_write_problem(problem) for problem in timeline.warnings))
    if timeline.plan:
        yield write_section("Plan", f"<pre>{escape(chr(10).join(timeline.plan))}</pre>")
