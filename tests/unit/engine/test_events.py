"""What programs read of events: the `type` of each and the names of changes stay."""

from typing import get_args

import msgspec

from ks_universal.engine.events import Event, ObjectChanged
from ks_universal.plan.changes import Change
from ks_universal.plan.steps import Step
from ks_universal.resources.objects import ObjectRef


def list_tags(union: object) -> list[str]:
    return sorted(kind.__struct_config__.tag for kind in get_args(union))


def test_the_type_of_each_event_stays() -> None:
    assert list_tags(Event) == [
        "AttemptEnded", "AttemptStarted", "ContainerEnded", "LockAwaited", "LogWritten", "ObjectChanged",
        "ProbePassed", "RunEnded", "RunStarted", "StepFailed", "StepPaused", "StepSkipped", "StepStarted",
        "StepSucceeded", "StopFailed", "Waited",
    ]  # fmt: skip


def test_the_type_of_each_step_stays() -> None:
    assert list_tags(Step) == ["Apply", "AwaitOldPods", "Delete", "Migrate", "RollOut", "RunJob"]


def test_a_change_is_written_by_its_name() -> None:
    event = ObjectChanged(step="s", identity=ObjectRef("Secret", "ns", "key"), change=Change.KEPT)
    assert msgspec.to_builtins(event) == {
        "type": "ObjectChanged",
        "step": "s",
        "identity": {"kind": "Secret", "namespace": "ns", "name": "key"},
        "change": "kept",
    }
