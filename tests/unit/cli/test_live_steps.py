"""The steps that run, as they are redrawn on a terminal."""

import io

from rich.console import Console

from ks_universal import Outcome, RunEnded, StepFailed, StepKind, StepStarted, StepSucceeded, Waited
from ks_universal.cli.show.live_steps import LiveSteps


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def draw(steps: LiveSteps, width: int = 60, encoding: str = "utf-8") -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(steps)
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def start(steps: LiveSteps, *names: str) -> None:
    for name in names:
        steps.take(StepStarted(step=name, kind=StepKind.MIGRATE, application="app"))


def test_a_step_has_a_line_with_its_time_and_what_it_waits_for_until_it_ends() -> None:
    clock = Clock()
    steps = LiveSteps(clock)
    assert not steps
    start(steps, "app/migrations/schema")
    clock.now_s += 65
    start(steps, "web")
    steps.take(Waited(step="app/migrations/schema", waits_for="container main to end"))
    clock.now_s += 1.5
    first, second = draw(steps, width=80)
    assert first.endswith(" app/migrations/schema 1 min 6 s  waits for container main to end")
    assert second.endswith(" web                      1.5 s")
    steps.take(StepSucceeded(step="app/migrations/schema", duration_s=1.0))
    assert len(draw(steps)) == 1
    steps.take(StepFailed(step="web", causes=(), outcome=Outcome.FAILED))
    assert not steps
    start(steps, "late")
    steps.take(RunEnded(release="shop", revision=1, outcome=Outcome.INTERRUPTED, duration_s=1.0, runs={}))
    assert not steps


def test_lines_are_no_longer_than_the_terminal_and_not_too_many() -> None:
    steps = LiveSteps(Clock())
    start(steps, *(f"application-{number}/migrations" for number in range(50)))
    steps.take(Waited(step="application-0/migrations", waits_for="something that takes very many words to say"))
    lines = draw(steps, width=40)
    assert len(lines) == 9
    assert max(map(len, lines)) <= 40
    assert lines[0].endswith("…")
    assert lines[-1].strip() == "and 42 more"


def test_a_terminal_that_knows_only_ascii_gets_a_star() -> None:
    steps = LiveSteps(Clock())
    start(steps, "web")
    assert draw(steps, encoding="ascii")[0].startswith("* web")
