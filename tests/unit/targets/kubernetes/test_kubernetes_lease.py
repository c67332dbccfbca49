from datetime import UTC, datetime
from typing import Any

from ks_universal.targets.kubernetes.record.lease import read_holder

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def lease(holder: str | None, renewed: str) -> dict[str, Any]:
    metadata = {"name": "l", "managedFields": [{"manager": "x", "time": "2026-01-01T11:00:00Z"}, {"time": renewed}]}
    return {"metadata": metadata, "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "acquireTime": "then"}}


def test_a_lease_without_a_holder_is_free() -> None:
    assert read_holder(lease(None, "2026-01-01T12:00:00Z"), NOON) is None
    assert read_holder(lease("", "2026-01-01T12:00:00Z"), NOON) is None


def test_what_is_left_counts_from_the_servers_stamp_of_the_last_renewal() -> None:
    holder = read_holder(lease("me", "2026-01-01T11:59:50Z"), NOON)
    assert holder is not None
    assert (str(holder), holder.left_s) == ("me since then", 7.0)


def test_nothing_is_left_of_a_lease_that_was_long_not_renewed() -> None:
    holder = read_holder(lease("me", "2026-01-01T11:00:01Z"), NOON)
    assert holder is not None
    assert holder.left_s == 0
