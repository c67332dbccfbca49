"""Takes the values of a release's Secrets out of all that a run says: log lines, causes, the record."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import AttemptEnded, Emit, Event, LogWritten, RunEnded, StepFailed, StopFailed, Waited
from ks_universal.engine.masking.collection import collect
from ks_universal.engine.masking.needles import CUT
from ks_universal.engine.masking.search import find_secrets
from ks_universal.json_types import Json
from ks_universal.plan.changes import FieldChange, ObjectChange
from ks_universal.plan.records import Attempt, JobState, State
from ks_universal.plan.saved import PlannedRun, Preview
from ks_universal.plan.steps import Migrate, Plan
from ks_universal.resources.masking import MASK
from ks_universal.resources.objects import Rendered

__all__ = ["CUT", "Mask", "build_mask"]


class Mask:
    """Replaces by `***` what is a secret of the Secrets among some objects, however a tool has written it."""

    def __init__(self, bodies: Iterable[Json], names: Iterable[str] = ()) -> None:
        """Take all Secrets; what is in plain text in the other objects is no secret, nor are the names.

        This takes a quarter of a second for a megabyte of keys and certificates, or for a document of 1,000 entries.
        """
        self._bodies, self._names = tuple(bodies), tuple(names)
        self._secrets = collect(self._bodies, self._names)

    def learn(self, bodies: Iterable[Json]) -> None:
        """Take further objects, which have come to be since."""
        self._bodies = (*self._bodies, *bodies)
        self._secrets = collect(self._bodies, self._names)

    def text(self, text: str) -> str:
        """Mask a text. Where it was cut (`…`), the beginning or the end of a value is enough."""
        masked: list[str] = []
        end = 0
        for start, next_end in find_secrets(text, self._secrets):
            masked += (text[end:start], MASK)
            end = next_end
        return "".join((*masked, text[end:])) if masked else text

    def problem(self, problem: Problem) -> Problem:
        """Mask a finding."""
        hint = None if problem.hint is None else self.text(problem.hint)
        return msgspec.structs.replace(problem, message=self.text(problem.message), hint=hint)

    def problems(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Mask findings."""
        return tuple(map(self.problem, problems))

    def attempt(self, attempt: Attempt) -> Attempt:
        """Mask what an attempt said."""
        return msgspec.structs.replace(
            attempt,
            reason=None if attempt.reason is None else self.text(attempt.reason),
            causes=self.problems(attempt.causes),
            log_tail=tuple(map(self.text, attempt.log_tail)),
            excerpt=tuple(map(self.text, attempt.excerpt)),
            sidecar_tails={name: tuple(map(self.text, lines)) for name, lines in attempt.sidecar_tails.items()},
        )

    def job(self, job: JobState) -> JobState:
        """Mask what was seen of a Job."""
        attempts = tuple(map(self.attempt, job.record.attempts))
        return msgspec.structs.replace(
            job,
            record=msgspec.structs.replace(job.record, attempts=attempts),
            waits_for=self.text(job.waits_for),
            problems=self.problems(job.problems),
        )

    def command(self, words: Iterable[str]) -> tuple[str, ...]:
        """Mask a command, in which somebody may have written a value as it is."""
        return tuple(map(self.text, words))

    def preview(self, preview: Preview) -> Preview:
        """Mask what a plan shows, but for the findings, which are masked already. Names and images are no secrets."""
        return msgspec.structs.replace(
            preview,
            migrations=self._planned(preview.migrations),
            jobs=self._planned(preview.jobs),
            changes=tuple(map(self._change, preview.changes)),
        )

    def _planned(self, runs: Iterable[PlannedRun]) -> tuple[PlannedRun, ...]:
        return tuple(msgspec.structs.replace(each, command=self.command(each.command)) for each in runs)

    def _change(self, change: ObjectChange) -> ObjectChange:
        return msgspec.structs.replace(change, fields=tuple(map(self._field, change.fields)))

    def _field(self, field: FieldChange) -> FieldChange:
        old, new = self.tree(field.old), self.tree(field.new)
        if isinstance(new, str) and old == new:
            new = f"{new} (changed)"
        return field._replace(old=old, new=new)

    def tree(self, value: Any) -> Any:
        """Mask all texts in a value, and in what it is made of: structs, mappings, lists, tuples."""
        match value:
            case Enum():
                return value
            case str():
                return self.text(value)
            case dict():
                return {key: self.tree(child) for key, child in value.items()}
            case list():
                return [self.tree(child) for child in value]
            case tuple():
                return tuple(self.tree(child) for child in value)
            case msgspec.Struct():
                fields = {name: self.tree(getattr(value, name)) for name in value.__struct_fields__}
                return msgspec.structs.replace(value, **fields)
            case _:
                return value

    def event(self, event: Event) -> Event:
        """Mask an event: those that carry words of others."""
        match event:
            case LogWritten():
                return msgspec.structs.replace(event, line=self.text(event.line))
            case Waited():
                return msgspec.structs.replace(event, waits_for=self.text(event.waits_for))
            case AttemptEnded():
                return msgspec.structs.replace(event, attempt=self.attempt(event.attempt))
            case StopFailed():
                return msgspec.structs.replace(event, cause=self.problem(event.cause))
            case RunEnded() if event.unwritten is not None:
                return msgspec.structs.replace(event, unwritten=self.problem(event.unwritten))
            case StepFailed():
                return msgspec.structs.replace(event, causes=self.problems(event.causes))
            case _:
                return event

    def wrap(self, emit: Emit) -> Emit:
        """Give an `emit` that masks."""
        return lambda event: emit(self.event(event))


def build_mask(rendered: Rendered, state: State, plan: Plan) -> Mask:
    """Take in all Secrets that a run meets: new ones, live ones, those of others, and those of undone revisions."""
    migrations = [step for step in plan.steps if isinstance(step, Migrate)]
    staged = (body for step in migrations for body in step.staged)
    jobs = (step.migration.body for step in migrations)
    live = (*state.objects.values(), *state.terminating.values(), *state.secrets)
    bodies = (*(resource.body for resource in rendered.objects), *live)
    refs = (*plan.objects, *state.objects)
    names = (plan.release, plan.namespace, *(ref.name for ref in refs), *(step.id for step in plan.steps))
    return Mask((*bodies, *staged, *jobs), names)
