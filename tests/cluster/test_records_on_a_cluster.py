"""A record that is larger than what one Secret takes."""

import asyncio
import random
from datetime import UTC, datetime

from ks_universal.model.format.migrations import Phase
from ks_universal.plan.records import FORMAT, Attempt, History, Outcome, Revision, StepRecord
from ks_universal.targets.kubernetes.api.kinds import SECRET
from ks_universal.targets.kubernetes.record.records import PART_BYTES, Records
from support.cluster_release import RELEASE, api

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TAIL = ("migrated",)
LONG = tuple(random.Random(number).randbytes(1000).hex() for number in range(2 * PART_BYTES // 1000))
"""A log that gzip makes only half as long."""


def revision(log: tuple[str, ...], number: int = 1) -> Revision:
    attempt = Attempt(number=1, started=NOW, duration_s=1.0, exit_code=0, log_tail=log)
    step = StepRecord(
        id="app/migrations",
        application="app",
        step=None,
        phase=Phase.PRE,
        digest="d1",
        image="app:1",
        command=(),
        outcome=Outcome.SUCCEEDED,
        attempts=(attempt,),
    )
    return Revision(
        number=number,
        format=FORMAT,
        release=RELEASE,
        namespace="ns",
        by="tests",
        started=NOW,
        outcome=Outcome.SUCCEEDED,
        steps=(step,),
    )


def test_a_record_longer_than_a_secret_is_split_read_back_and_removed_with_all_its_parts(namespace: str) -> None:
    async def main() -> None:
        async with api(namespace) as client:
            records = Records(client, RELEASE, history_max=1)
            await records.save(revision(LONG), None)
            parts = [item["metadata"]["name"] for item in (await client.list(SECRET)).items]
            assert len(parts) > 1
            assert await Records(client, RELEASE, history_max=1).read() == History((revision(LONG),))
            await records.save(revision(TAIL), None)  # parts of the longer one are left over, and don't matter
            assert await records.read() == History((revision(TAIL),))
            await Records(client, RELEASE, history_max=1).save(revision(TAIL, 2), None)
            await Records(client, RELEASE, history_max=1).save(revision(TAIL, 3), None)
            left = [item["metadata"]["name"] for item in (await client.list(SECRET)).items]
            assert left == [f"ks-universal.{RELEASE}.v2", f"ks-universal.{RELEASE}.v3"]

    asyncio.run(main())


def test_who_may_only_read_configmaps_reads_a_long_record_without_its_logs(namespace: str) -> None:
    async def main() -> None:
        async with api(namespace) as client:
            await Records(client, RELEASE, history_max=1).save(revision(LONG), None)
            (shown,) = (await Records(client, RELEASE, history_max=1)._read_shown()).revisions
            assert [attempt.log_tail for attempt in shown.steps[0].attempts] == [()]
            assert shown.outcome is Outcome.SUCCEEDED

    asyncio.run(main())
