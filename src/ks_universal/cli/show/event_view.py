"""Shows events while they happen: coloured lines and live ones on a terminal, plain lines elsewhere, or JSON."""

import sys
from collections.abc import Iterable, Sequence
from zlib import crc32

import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ks_universal import (
    AttemptStarted,
    Event,
    LogWritten,
    ObjectChanged,
    Outcome,
    Preview,
    Problem,
    RehearsalSummary,
    RunEnded,
    RunStarted,
    StepKind,
    StepStarted,
    StepSucceeded,
    Waited,
    describe_plan,
    describe_problem,
    keep_colours,
)
from ks_universal.cli.show.console import discard_output, is_live, say, show_problems, wants_colour
from ks_universal.cli.show.event_lines import PROGRAM, ROLLED_OUT, Line, format_event
from ks_universal.cli.show.folding import RepetitionFold, TracebackFold
from ks_universal.cli.show.live_steps import REDRAWN_PER_S, LiveSteps
from ks_universal.cli.show.plan_lines import format_summary
from ks_universal.cli.show.report import RunReport

_COLOURS = ("cyan", "magenta", "blue", "yellow", "green", "bright_cyan", "bright_magenta", "bright_blue")
_PLAN_STYLES = {"+ ": "green", "~ ": "yellow", "- ": "red", "> ": "cyan", ". ": "dim", "! ": "yellow"}
_WIDEST = 40
"""Characters of a source's name that the others are aligned with."""


class JsonView:
    """Every event and every finding as one line of JSON, with its `type`; nothing else on standard output."""

    def __init__(self) -> None:
        """Begin to gather the events."""
        self.report = RunReport()

    def __call__(self, event: Event) -> None:
        """Write the event."""
        self.report.take(event)
        _write(msgspec.json.encode(event).decode())

    def say(self, text: str) -> None:
        """Tell people, beside the events."""
        say(text)

    def show(self, problems: Sequence[Problem]) -> None:
        """Write findings, those of one cause at once."""
        lines = (msgspec.json.encode({"type": "Problem", **describe_problem(problem)}) for problem in problems)
        if text := b"\n".join(lines).decode():
            _write(text)

    def show_plan(self, preview: Preview, lines: Iterable[str]) -> None:  # noqa: ARG002 - as the other view
        """Write a plan."""
        _write(msgspec.json.encode({"type": "Plan", **describe_plan(preview)}).decode())

    def show_rehearsal(self, rehearsal: RehearsalSummary) -> None:
        """Write what a rehearsal has said."""
        _write(msgspec.json.encode({"type": "Rehearsal", **msgspec.to_builtins(rehearsal)}).decode())

    def close(self) -> None:
        """Nothing is open."""


class TextView:
    """Lines with the name of who speaks; below them, on a terminal, the steps that run. In the end the report."""

    def __init__(self, report: RunReport | None = None) -> None:
        """`report` is what is shown at the end of a run, where it is not a usual one."""
        coloured, self._is_live = wants_colour(sys.stdout), is_live(sys.stdout)
        self._is_styled = coloured or self._is_live
        self._console = Console(
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
            force_terminal=self._is_styled,
            color_system=("auto" if self._is_live else "standard") if coloured else None,
        )
        self.report = report or RunReport()
        self._steps = LiveSteps()
        self._live: Live | None = None
        self._folds: dict[str, TracebackFold] = {}
        self._repetitions: dict[str, RepetitionFold] = {}
        self._applied: set[str] = set()
        self._plan_shown = False
        self._width = len(PROGRAM)

    def __call__(self, event: Event) -> None:
        """Show the event; at the end of a run, the report."""
        self.report.take(event)
        self._show_steps(event)
        if isinstance(event, RunStarted):
            self._width = min(max(map(len, (PROGRAM, *event.steps))), _WIDEST)
        if isinstance(event, LogWritten):
            self._print_log(event)
        elif not self._is_shown_otherwise(event) and (line := format_event(event)):
            self._print(line)
        if isinstance(event, RunStarted):
            if not self._plan_shown:
                for planned in event.plan:
                    self._print(Line(PROGRAM, planned, "bold"))
                self.show(event.warnings)
            self._plan_shown = False
        if isinstance(event, RunEnded):
            self._print_report(event)

    def say(self, text: str) -> None:
        """Tell people something that is no event."""
        self._print(Line(PROGRAM, text, "bold"))

    def show(self, problems: Sequence[Problem]) -> None:
        """Show findings."""
        self._stop_live()
        show_problems(problems)

    def show_plan(self, preview: Preview, lines: Iterable[str]) -> None:
        """Show a plan and what was found, before anybody is asked, in more detail than the run's first event does."""
        self.show(preview.problems)
        self._plan_shown = True
        for text in lines:
            self._write(Text(text, style=_PLAN_STYLES.get(text.lstrip()[:2], "")))
        self._write(Text(""))

    def show_rehearsal(self, rehearsal: RehearsalSummary) -> None:
        """Show what a rehearsal has said."""
        for text in format_summary(rehearsal):
            self._print(Line(PROGRAM, text))

    def close(self) -> None:
        """Take the live lines away."""
        self._stop_live()

    def _is_shown_otherwise(self, event: Event) -> bool:
        """Tell whether the live lines say it, or what was said of the step says that it is done."""
        if isinstance(event, ObjectChanged) and event.identity.kind not in ROLLED_OUT:
            self._applied.add(event.step)
        if isinstance(event, StepStarted) and event.kind is StepKind.AWAIT_OLD_PODS:  # mostly there are none
            self._applied.add(event.step)
        if isinstance(event, AttemptStarted | Waited):  # there is more to the step
            self._applied.discard(event.step)
        if isinstance(event, StepSucceeded):
            return event.step in self._applied
        return isinstance(event, Waited) and self._is_live

    def _show_steps(self, event: Event) -> None:
        """Draw the steps that run below all lines, where that is possible."""
        self._steps.take(event)
        if not (self._is_live and self._steps):
            self._stop_live()
        elif self._live is None:
            self._live = Live(self._steps, console=self._console, refresh_per_second=REDRAWN_PER_S, transient=True)
            self._live.start()

    def _stop_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print_log(self, event: LogWritten) -> None:
        fold = self._folds.setdefault(event.source, TracebackFold())
        for line in fold.take(event.line):
            # Of what a step's init containers and sidecars say: nobody reads "waiting for db" 300 times.
            folded = self._repetitions.setdefault(event.source, RepetitionFold()).take(line) if event.step else (line,)
            for shown in folded:
                self._print(Line(event.source, shown))

    def _print(self, line: Line) -> None:
        self._width = min(max(self._width, len(line.source)), _WIDEST)
        prefix = (f"{line.source:<{self._width}} | ", _colour(line.source))
        # A program's own colours stay, but nothing that moves the cursor or clears the screen.
        text = Text.from_ansi(keep_colours(line.text))
        text.stylize(line.style)
        self._write(Text.assemble(prefix, text))

    def _print_report(self, end: RunEnded) -> None:
        style = "green" if end.outcome is Outcome.SUCCEEDED else "bold red"
        head, *rest = self.report.lines(end)
        self._write(Text(f"\n{head}", style=style))
        for line in rest:
            self._write(Text.from_ansi(keep_colours(line)))
        self._write(Text(""))

    def _write(self, text: Text) -> None:
        try:
            if self._is_styled:
                self._console.print(text)
            else:
                sys.stdout.write(f"{text.plain}\n")  # five times as fast, which tells with long logs
            sys.stdout.flush()
        except OSError as error:  # the reader, or the terminal, is gone, or the disk is full
            discard_output(error)


View = JsonView | TextView


def _colour(source: str) -> str:
    return "bold" if source == PROGRAM else _COLOURS[crc32(source.encode()) % len(_COLOURS)]


def _write(line: str) -> None:
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError as error:  # the reader, or the terminal, is gone, or the disk is full
        discard_output(error)
