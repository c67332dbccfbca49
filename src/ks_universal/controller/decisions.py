"""What is to be done about a Release, by what it says and what is known of it. Pure."""

from enum import Enum, auto

import msgspec

from ks_universal.controller.status import Type, find_condition, is_settled
from ks_universal.json_types import Json
from ks_universal.metadata_keys import FINALIZER, REQUESTED

MOST_PAUSE_S = 300.0
_FIRST_PAUSE_S = 5.0


class Action(Enum):
    """What is to be done."""

    NOTHING = auto()
    DEPLOY = auto()
    CHECK = auto()
    """Look whether what the values are made of has changed, or objects have drifted."""
    SUSPEND = auto()
    UNINSTALL = auto()
    TELL = auto()
    """Write the status, which could not be written."""


class Memory(msgspec.Struct):
    """What the controller knows of a Release beyond what the object says; all of it may be lost at any moment.

    `status` is what was written last (None: nothing yet), which the copy of the object may lag behind. `failures` are
    those in a row; nothing is tried again before `retry_at`, and nothing checked before `check_at`, objects not before
    `drift_at` (None: not known yet).
    """

    uid: str
    status: Json | None = None
    is_written: bool = True
    failures: int = 0
    retry_at: float = 0.0
    check_at: float = 0.0
    drift_at: float | None = None
    generation: int = 0
    """That of the last try."""
    told: tuple[str, str] = ("", "")
    """Reason and message of the last Event."""

    def fail(self, now_s: float, at_most_s: float = MOST_PAUSE_S) -> None:
        """Count a failure, and put the next try off the further the more there were."""
        self.failures += 1
        self.retry_at = now_s + min(_FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 10), at_most_s)

    def succeed(self) -> None:
        """Forget the failures."""
        self.failures, self.retry_at = 0, 0.0


def decide(body: Json, memory: Memory, now_s: float) -> Action:
    """Decide what is to be done now about a Release."""
    metadata = body["metadata"]
    status = read_status(body, memory)
    generation = metadata.get("generation", 1)
    is_waiting = now_s < memory.retry_at
    if "deletionTimestamp" in metadata:
        if FINALIZER not in (metadata.get("finalizers") or ()):
            return Action.NOTHING
        return Action.NOTHING if is_waiting and memory.generation == generation else Action.UNINSTALL
    if is_suspended(body):
        waits = is_waiting and memory.generation == generation
        return Action.NOTHING if waits or _is_said_to_be_suspended(body, memory) else Action.SUSPEND
    if is_requested(body, status) or memory.generation != generation != status.get("observedGeneration"):
        return Action.DEPLOY
    if not memory.is_written:
        return Action.NOTHING if is_waiting else Action.TELL
    if not is_settled(status, generation):
        return Action.NOTHING if is_waiting else Action.DEPLOY
    return Action.CHECK if now_s >= memory.check_at else Action.NOTHING


def find_due_s(body: Json, memory: Memory) -> float | None:
    """Say when to look at a Release again, of which nothing is to be done now; None: when it has changed."""
    metadata = body["metadata"]
    generation = metadata.get("generation", 1)
    if "deletionTimestamp" in metadata:
        return memory.retry_at if FINALIZER in (metadata.get("finalizers") or ()) else None
    if is_suspended(body):
        return None if _is_said_to_be_suspended(body, memory) else memory.retry_at
    lasts = memory.is_written and is_settled(read_status(body, memory), generation)
    return memory.check_at if lasts else memory.retry_at


def is_suspended(body: Json) -> bool:
    """Tell whether nothing new is to be begun for a Release."""
    return (body.get("spec") or {}).get("suspend") is True


def is_left_open(body: Json, memory: Memory) -> bool:
    """Tell whether another controller has begun to carry out what a Release says, and has not said how that ended."""
    status, generation = body.get("status") or {}, body["metadata"].get("generation", 1)
    is_begun = memory.status is None and status.get("observedGeneration") == generation
    return is_begun and not is_settled(status, generation)


def _is_said_to_be_suspended(body: Json, memory: Memory) -> bool:
    said = find_condition(read_status(body, memory), Type.SUSPENDED)
    return memory.is_written and said.get("observedGeneration") == body["metadata"].get("generation", 1)


def is_requested(body: Json, status: Json) -> bool:
    """Tell whether somebody has asked for another try that was not made yet."""
    requested = (body["metadata"].get("annotations") or {}).get(REQUESTED)
    return requested is not None and requested != status.get("lastHandledReconcileAt")


def read_status(body: Json, memory: Memory) -> Json:
    """Give the status: as it was written last, or else as the object has it."""
    status: Json = memory.status if memory.status is not None else body.get("status") or {}
    return status
