"""What becomes of an object that left the values."""

from typing import Any

import pytest

from ks_universal.plan.steps import Delete
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.objects.ownership import Owner
from ks_universal.targets.kubernetes.objects.removal import plan_removal

Json = dict[str, Any]
OWNER = Owner("shop", "ns")
LABELS = {"app.kubernetes.io/managed-by": "ks-universal", "app.kubernetes.io/instance": "shop"}
KEEP = {"helm.sh/resource-policy": "keep"}
CLAIMS = frozenset(("PersistentVolumeClaim",))


def find_expired(
    kind: str, *, kept: frozenset[str] = CLAIMS, is_stop: bool = False, **metadata: Any
) -> tuple[str, str] | None:
    live = {"kind": kind, "metadata": {"name": "x", "namespace": "ns", "labels": LABELS, **metadata}}
    step = Delete(id="delete x", identity=ObjectRef(kind, "ns", "x"), is_stop=is_stop)
    change = plan_removal(live, step, OWNER, kept)
    return None if change is None else (change.change, change.kept_by)


def test_what_left_the_values_is_deleted_and_another_owners_is_not() -> None:
    assert find_expired("Secret") == ("deleted", "")
    assert find_expired("Secret", labels={}) is None
    assert find_expired("Secret", labels={}, annotations=KEEP) is None


@pytest.mark.parametrize("kept", [CLAIMS, frozenset[str]()])
def test_what_asks_to_be_kept_is_also_where_data_is_to_be_deleted(kept: frozenset[str]) -> None:
    for kind in ("Secret", "PersistentVolumeClaim"):
        assert find_expired(kind, kept=kept, annotations=KEEP) == ("kept", "helm.sh/resource-policy")


def test_claims_are_kept_until_their_removal_is_asked_for() -> None:
    assert find_expired("PersistentVolumeClaim") == ("kept", "")
    assert find_expired("PersistentVolumeClaim", kept=frozenset()) == ("deleted", "")


def test_a_job_that_is_to_be_stopped_is_so_whatever_it_asks() -> None:
    assert find_expired("Job", annotations=KEEP) == ("kept", "helm.sh/resource-policy")
    assert find_expired("Job", annotations=KEEP, is_stop=True) == ("deleted", "")
