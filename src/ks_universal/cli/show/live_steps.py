"""The steps that run, redrawn below the lines of a run on a terminal: how long each takes, what it waits for."""

import time
from collections.abc import Callable, Iterator

from rich.console import Console, ConsoleOptions
from rich.text import Text

from ks_universal import Event, RunEnded, StepFailed, StepPaused, StepStarted, StepSucceeded, Waited
from ks_universal.cli.show.event_lines import format_duration

REDRAWN_PER_S = 4
_MOST_LINES = 8
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class LiveSteps:
    """What rich draws: a line for each step that runs; of very many the first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._began: dict[str, float] = {}
        self._waits: dict[str, str] = {}

    def take(self, event: Event) -> None:
        """Take an event."""
        match event:
            case StepStarted():
                self._began[event.step] = self._clock()
            case Waited() if event.step in self._began:
                self._waits[event.step] = event.waits_for
            case StepSucceeded() | StepPaused() | StepFailed():
                self._began.pop(event.step, None)
                self._waits.pop(event.step, None)
            case RunEnded():
                self._began.clear()
                self._waits.clear()
            case _:
                pass

    def __bool__(self) -> bool:
        """Tell whether there is anything to draw."""
        return bool(self._began)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Draw the steps, each on a line that is no longer than the terminal is wide."""
        now, steps, waited = self._clock(), dict(self._began), dict(self._waits)  # drawn by a thread of its own
        turn = _SPINNER[int(now * REDRAWN_PER_S) % len(_SPINNER)] if console.encoding.startswith("utf") else "*"
        width = max(map(len, steps), default=0)
        for step, began in list(steps.items())[:_MOST_LINES]:
            waits = f"  waits for {waited[step]}" if step in waited else ""
            text = Text.assemble(
                (turn, "green"), f" {step:<{width}} ", (f"{format_duration(now - began):>8}", "bold"), waits
            )
            text.truncate(options.max_width, overflow="ellipsis")
            yield text
        if (more := len(steps) - _MOST_LINES) > 0:
            yield Text(f"  and {more} more", style="dim")
