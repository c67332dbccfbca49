"""What those may read of a record who may only read ConfigMaps: it has to fit into one."""

from datetime import UTC, datetime

import msgspec
import pytest

from ks_universal.model.format.migrations import Phase
from ks_universal.plan.records import Attempt, Outcome, Revision, StepRecord
from ks_universal.targets.kubernetes.record.records import PART_BYTES, write_shown

AT = datetime(2026, 1, 1, tzinfo=UTC)


def build(*, fingerprint_bytes: int, log_bytes: int) -> Revision:
    attempt = Attempt(number=1, started=AT, duration_s=1.0, exit_code=0, log_tail=("x" * log_bytes,))
    step = StepRecord(
        id="web/migrations", application="web", step=None, phase=Phase.PRE, digest="d", image="app", command=(),
        outcome=Outcome.SUCCEEDED, attempts=(attempt,),
    )  # fmt: skip
    known = {"web": "f" * fingerprint_bytes}
    return Revision(
        number=1, release="shop", namespace="ns", by="ann", started=AT, steps=(step,), planned=known, digests=known
    )


@pytest.mark.parametrize(
    ("fingerprint_bytes", "log_bytes", "kept"),
    [
        (10, 10, ["fingerprints", "logs"]),
        (PART_BYTES, 10, ["logs"]),
        (PART_BYTES, PART_BYTES, []),
        (10, PART_BYTES, []),
    ],
)
def test_of_a_long_record_fingerprints_are_left_out_and_then_logs(
    fingerprint_bytes: int, log_bytes: int, kept: list[str]
) -> None:
    text = write_shown(build(fingerprint_bytes=fingerprint_bytes, log_bytes=log_bytes))
    shown = msgspec.json.decode(text, type=Revision)
    found = {"fingerprints": bool(shown.digests), "logs": bool(shown.steps[0].attempts[0].log_tail)}
    assert [name for name, there in found.items() if there] == kept
    assert (len(text) <= PART_BYTES, list(shown.planned)) == (True, ["web"])
