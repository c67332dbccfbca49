"""What a Release says of itself, as the conditions that kstatus, Argo CD and Flux understand. Pure: a patch comes out.

`Ready` tells whether the release is as its spec wants it. `Reconciling` is there while something is done or will be
tried again, `Stalled` when only a change helps, `Drifted` when somebody else has changed an object, `Suspended` when
nothing new is begun; each is there only while it is so. See docs/controller.md.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.plan.records import Outcome

_LONGEST = 4000
"""Characters of a message; the API server takes 32,768, and `kubectl describe` shows all of them."""


class Type(StrEnum):
    """The conditions."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    DRIFTED = "Drifted"
    SUSPENDED = "Suspended"


class Reason(StrEnum):
    """Why a condition is as it is, in one word."""

    SUCCEEDED = "Succeeded"
    PROGRESSING = "Progressing"
    RETRYING = "Retrying"
    SUSPENDED = "Suspended"
    INVALID = "InvalidValues"
    VALUES_MISSING = "ValuesMissing"
    REFUSED = "Refused"
    LOCKED = "Locked"
    TIMED_OUT = "TimedOut"
    MIGRATION_FAILED = "MigrationFailed"
    ROLLOUT_FAILED = "RolloutFailed"
    FAILED = "Failed"
    UNINSTALLING = "Uninstalling"
    UNINSTALL_FAILED = "UninstallFailed"
    DRIFTED = "Drifted"


REASONS = {
    Outcome.MIGRATION_FAILED: Reason.MIGRATION_FAILED,
    Outcome.ROLLOUT_FAILED: Reason.ROLLOUT_FAILED,
}
"""Why a run failed for good, by its outcome; of others it is FAILED, and they are tried again."""
LASTING = frozenset((Outcome.SUCCEEDED, *REASONS))
"""The outcomes after which nothing is done before something changes."""


class Condition(msgspec.Struct, frozen=True):
    """A condition as it is to be."""

    type: Type
    status: str
    reason: str
    message: str


def say_progressing(message: str, reason: Reason = Reason.PROGRESSING) -> tuple[Condition, ...]:
    """Something is being done."""
    return (
        Condition(Type.READY, "Unknown", reason, message),
        Condition(Type.RECONCILING, "True", reason, message),
    )


def say_ready(message: str) -> tuple[Condition, ...]:
    """All is as the spec wants it."""
    return (Condition(Type.READY, "True", Reason.SUCCEEDED, message),)


def say_stalled(reason: Reason, message: str) -> tuple[Condition, ...]:
    """It failed, and only a change helps."""
    return (Condition(Type.READY, "False", reason, message), Condition(Type.STALLED, "True", reason, message))


def say_retrying(reason: Reason, message: str) -> tuple[Condition, ...]:
    """It failed, and is tried again."""
    return (
        Condition(Type.READY, "False", reason, message),
        Condition(Type.RECONCILING, "True", Reason.RETRYING, message),
    )


def say_suspended(status: Json, *, is_same: bool) -> tuple[Condition, ...]:
    """Nothing new is begun. What was so stays so where the spec `is_same`; what it wants else nobody brings about."""
    suspended = Condition(Type.SUSPENDED, "True", Reason.SUSPENDED, "spec.suspend is true: nothing new is begun")
    known = [find_condition(status, each) for each in (Type.READY, Type.STALLED, Type.DRIFTED)]
    kept = [Condition(Type(c["type"]), c["status"], c["reason"], c["message"]) for c in known if c]
    if is_same and kept and kept[0].status != "Unknown":
        return (*kept, suspended)
    number = status.get("revision")
    what = "nothing is deployed" if number is None else f"this spec is not carried out; revision {number} was the last"
    return (Condition(Type.READY, "Unknown", Reason.SUSPENDED, f"spec.suspend is true: {what}"), suspended)


def set_conditions(
    before: Sequence[Json], wanted: Iterable[Condition], generation: int, now: datetime | None = None
) -> list[Json]:
    """Give the conditions of a Release: those that are `wanted` and, of those before, what others have written.

    A condition keeps the time of its last transition while its status stays.
    """
    known = {each.get("type"): each for each in before}
    stamp = (now or datetime.now(UTC)).isoformat(timespec="seconds").replace("+00:00", "Z")
    made = []
    for each in wanted:
        old = known.get(each.type, {})
        stays = old.get("status") == each.status
        made.append(
            {
                "type": each.type.value,
                "status": each.status,
                "reason": str(each.reason),
                "message": cut_message(each.message),
                "observedGeneration": generation,
                "lastTransitionTime": old.get("lastTransitionTime", stamp) if stays else stamp,
            }
        )
    return made + [each for each in before if each.get("type") not in set(Type)]


def find_condition(status: Json, type_: Type) -> Json:
    """Give a condition; an empty one where there is none."""
    found = (each for each in status.get("conditions") or () if each.get("type") == type_)
    return next(found, {})


def is_settled(status: Json, generation: int) -> bool:
    """Tell whether a generation was carried out to an end that lasts."""
    ended = (find_condition(status, Type.READY).get("status"), find_condition(status, Type.STALLED).get("status"))
    return status.get("observedGeneration") == generation and "True" in ended


def describe_failure(problem: Problem, step: str = "") -> Json:
    """Give a finding for `status.failure`."""
    told = {"step": step, "code": problem.code, "message": cut_message(_write(problem)), "hint": problem.hint or ""}
    return {name: text for name, text in told.items() if text}


def describe_problems(problems: Sequence[Problem]) -> str:
    """Say findings in a message: the errors, or where there are none the warnings."""
    errors = [each for each in problems if each.severity is Severity.ERROR] or list(problems)
    return "; ".join(map(_write, errors))


def _write(problem: Problem) -> str:
    return problem.message if problem.where is None else f"{problem.where}: {problem.message}"


def cut_message(text: str) -> str:
    """Cut a message that is longer than anybody reads."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
