"""The report of a run for programs (JSON) and for a pull request or the summary of a pipeline (Markdown)."""

from collections.abc import Iterator, Sequence

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.html_page import format_duration
from ks_universal.json_types import Json
from ks_universal.markdown import escape_cell, quote_cell, write_code
from ks_universal.run_report.timeline import RunTimeline, StepState, TimedStep

_SHOWN_LOG = 60
_EXIT_CODE = "process/exit-code"
_ICONS = {
    StepState.SUCCEEDED: ":white_check_mark:",
    StepState.FAILED: ":x:",
    StepState.PAUSED: ":pause_button:",
    StepState.UNFINISHED: ":stop_sign:",
}


def describe_timeline(timeline: RunTimeline) -> Json:
    """Give a run as JSON-like data; times within it are seconds from its begin."""
    described: Json = msgspec.to_builtins(timeline)
    return described


def write_run_markdown(timeline: RunTimeline, verdict: str) -> str:
    """Write a run as Markdown; `verdict` says in one line how it ended."""
    lines = [f"## {escape_cell(verdict)}", ""]
    lines += [f"- {_say(problem)}" for problem in timeline.problems]
    if timeline.steps:
        lines += ["| | step | what became of it | took |", "| --- | --- | --- | ---: |"]
        lines += [_write_row(step) for step in timeline.steps if step.state is not StepState.UNCHANGED]
    for step in list_failed(timeline):
        lines += _write_failure(step)
    if timeline.plan:
        lines += ["", *_fold("Plan", write_code("\n".join(timeline.plan)))]
    lines += [f"- {_say(problem)}" for problem in timeline.warnings]
    return "\n".join((*lines, ""))


def describe_step(step: TimedStep) -> str:
    """Say in a clause what became of a step."""
    if step.state is StepState.NOT_STARTED:
        return f"not started, because of {step.because}"
    if step.causes:
        return f"failed: {step.causes[0].message}"
    tries = f" at attempt {step.attempts[-1].attempt.number}" if len(step.attempts) > 1 else ""
    return f"{step.state}{tries}"


def choose_causes(step: TimedStep) -> Sequence[Problem]:
    """Give why a step failed: what its first failed attempt came to, else the step; the exit code if nothing else."""
    failed = (each.attempt.causes for each in step.attempts if each.attempt.exit_code != 0)
    causes = next(filter(None, failed), step.causes)
    return [cause for cause in causes if cause.code != _EXIT_CODE or cause.hint] or causes


def list_failed(timeline: RunTimeline) -> list[TimedStep]:
    """List the steps that failed, in the order of failing."""
    failed = [step for step in timeline.steps if step.state is StepState.FAILED]
    return sorted(failed, key=lambda step: step.span.ended_s if step.span else 0.0)


def _write_row(step: TimedStep) -> str:
    took = "" if step.span is None else format_duration((step.span.ended_s - step.span.began_s) * 1000)
    return f"| {_ICONS.get(step.state, '')} | {quote_cell(step.id)} | {escape_cell(describe_step(step))} | {took} |"


def _write_failure(step: TimedStep) -> Iterator[str]:
    yield from ("", f"### {quote_cell(step.id)} failed", "")
    yield from (f"- {_say(cause)}" for cause in choose_causes(step))
    if step.log:
        shown = step.log[-_SHOWN_LOG:]
        yield from ("", *_fold(f"The last {len(shown)} lines of its log", write_code("\n".join(shown))))


def _say(problem: Problem) -> str:
    hint = f" <br>{escape_cell(problem.hint)}" if problem.hint else ""
    return f"**`{problem.code}`** {escape_cell(problem.message)}{hint}"


def _fold(title: str, text: str) -> tuple[str, ...]:
    return (f"<details><summary>{title}</summary>", "", text, "", "</details>")
