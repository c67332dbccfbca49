"""Takes the values of a release's Secrets out of all that a run says: log lines, causes, the record."""

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ks_universal.controls import remove_controls
from ks_universal.diagnostics import Problem
from ks_universal.engine.events import AttemptEnded, Emit, Event, LogWritten, RunEnded, StepFailed, StopFailed, Waited
from ks_universal.plan.records import Attempt, State
from ks_universal.plan.saved import Preview
from ks_universal.plan.steps import Migrate, Plan
from ks_universal.resources.masking import MASK
from ks_universal.resources.objects import Rendered

Json = dict[str, Any]

_LINE = 76
"""Characters of a line of base64(1)."""
_SHORTEST = 4
"""Characters. What is shorter (`1`, `yes`) would mask half of every log and hide nothing that cannot be guessed."""
_SHORTEST_INSIDE = 8
"""Characters of base64 that are a value inside of a longer text; fewer could be anything."""


class Mask:
    """Replaces the values of Secrets by `***`: as they are, line by line, in base64, as JSON and URLs write them."""

    def __init__(self, bodies: Iterable[Json]) -> None:
        """Take the values of those among the objects that are Secrets."""
        secrets = (body for body in bodies if body.get("kind") == "Secret")
        values = {value for body in secrets for value in _values(body) if len(value) >= _SHORTEST}
        # The longest first: one value may contain another.
        alternatives = "|".join(re.escape(value) for value in sorted(values, key=lambda v: (-len(v), v)))
        self._pattern = re.compile(alternatives) if values else None

    def text(self, text: str) -> str:
        """Mask a text. Where colours stand between the characters of a value, they go, too."""
        if self._pattern is None:
            return text
        masked = self._pattern.sub(MASK, text)
        if masked.isprintable():
            return masked
        plain = remove_controls(masked)
        found = self._pattern.sub(MASK, plain)
        return masked if found == plain else found

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
        )

    def command(self, words: Iterable[str]) -> tuple[str, ...]:
        """Mask a command, in which somebody may have written a value as it is."""
        return tuple(map(self.text, words))

    def preview(self, preview: Preview) -> Preview:
        """Mask what a plan shows beside the objects' changes and the findings, which are masked already."""
        migrations = (msgspec.structs.replace(each, command=self.command(each.command)) for each in preview.migrations)
        return msgspec.structs.replace(preview, migrations=tuple(migrations))

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
    staged = (body for step in plan.steps if isinstance(step, Migrate) for body in step.staged)
    live = (*state.objects.values(), *state.terminating.values(), *state.secrets)
    return Mask((*(resource.body for resource in rendered.objects), *live, *staged))


def _values(secret: Json) -> Iterator[str]:
    for encoded in (secret.get("data") or {}).values():
        yield from _wrap(encoded.strip())
        yield from _forms(_decode(encoded))
    for plain in (secret.get("stringData") or {}).values():
        yield from _wrap(_encode(plain))
        yield from _forms(plain)


def _encode(plain: str) -> str:
    return binascii.b2a_base64(plain.encode(), newline=False).decode()


def _decode(encoded: str) -> str:
    try:
        return binascii.a2b_base64(encoded).decode()
    except ValueError:  # bytes, or no base64: there is no text that could be logged
        return ""


def _forms(value: str) -> Iterator[str]:
    stripped = value.strip()
    yield stripped
    yield msgspec.json.encode(stripped).decode()[1:-1]
    yield "".join(map(_quote, stripped))
    yield "".join(character if character == "/" else _quote(character) for character in stripped)  # as in a path
    yield from _inside_base64(stripped)
    yield from _wrap(_encode(f"{stripped}\n"))  # as `echo "$PASSWORD" | base64` writes it
    yield from (line.strip() for line in value.splitlines())


def _inside_base64(value: str) -> Iterator[str]:
    """Give what base64 makes of a value inside of a longer text (`user:password`), and its form for URLs."""
    plain = value.encode()
    for before, lost in ((0, 0), (1, 2), (2, 3)):  # bytes of what stands before; characters that hold bits of it
        encoded = binascii.b2a_base64(bytes(before) + plain, newline=False).decode()
        for form in (encoded[lost:], encoded[lost : (before + len(plain)) * 8 // 6]):  # at the end, and in the middle
            if len(form) >= _SHORTEST_INSIDE:
                yield form
                yield form.replace("+", "-").replace("/", "_")


def _wrap(encoded: str) -> Iterator[str]:
    """Give a base64 text, and its lines as base64(1) breaks them."""
    yield encoded
    yield from (encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE))


def _quote(character: str) -> str:
    """Write a character as it stands in the user information of a URL (RFC 3986)."""
    if character.isascii() and (character.isalnum() or character in "-._~"):
        return character
    return "".join(f"%{byte:02X}" for byte in character.encode())
