"""The Jobs of the values as processes of this machine."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.events import ObjectChanged
from ks_universal.errors import TargetError
from ks_universal.metadata_keys import JOB_DIGEST
from ks_universal.plan.one_off_jobs import read_job_end, record_job
from ks_universal.plan.records import Outcome
from ks_universal.plan.steps import RunJob
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.local.attempts import JobFolder
from ks_universal.targets.local.state import StateFolder
from support.local_release import new_session, sh, template

Json = dict[str, Any]
SEED = ObjectRef("Job", "ns", "seed")


def job(
    folder: Path, *, digest: str = "d1", status: int = 0, labels: dict[str, str] | None = None, **spec: Any
) -> Json:
    """A Job that leaves a line for each time it ran."""
    pod = template(sh(f"echo ran >>{folder}/runs; exit {status}"))
    metadata = {"name": "seed", "namespace": "ns", "annotations": {JOB_DIGEST: digest}, "labels": labels or {}}
    return {"kind": "Job", "metadata": metadata, "spec": {"backoffLimit": 0, **spec, "template": pod}}


def up(folder: Path, body: Json, *, again: bool = False) -> str:
    """Apply a Job and wait for its end, as another run of the program; gives what became of the object."""
    step = RunJob(id="Job/seed", application=None, body=body, why="test", again=again)

    async def main() -> str:
        async with new_session(folder) as (session, events):
            await session.apply(step, events.append)
            await session.await_job(step, record_job(body, 1, Outcome.RUNNING), events.append)
            return str(events.of(ObjectChanged)[0].change)

    return asyncio.run(main())


def count_runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines())


def read_outcome(folder: Path) -> Outcome:
    live = StateFolder(folder / ".ks-universal" / "shop").read_object(SEED)
    assert live is not None
    return read_job_end(live)[0]


@pytest.mark.parametrize(
    "changed", [{"labels": {"tier": "seed"}}, {"backoffLimit": 3}, {"ttlSecondsAfterFinished": 60}]
)
def test_what_may_change_of_a_job_does_not_make_it_run_again(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert up(tmp_path, job(tmp_path)) == "created"
    assert up(tmp_path, job(tmp_path, **changed)) == "changed"
    assert up(tmp_path, job(tmp_path, **changed)) == "unchanged"
    assert (count_runs(tmp_path), read_outcome(tmp_path)) == (1, Outcome.SUCCEEDED)


def test_another_digest_makes_it_run_again(tmp_path: Path) -> None:
    up(tmp_path, job(tmp_path))
    assert up(tmp_path, job(tmp_path, digest="d2")) == "changed"
    assert count_runs(tmp_path) == 2


@pytest.mark.parametrize(("status", "runs"), [(0, 1), (1, 2)])
def test_an_end_that_only_the_job_itself_tells_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, runs: int
) -> None:
    def fail(_: JobFolder) -> None:
        raise TargetError(Problem("local/disk", "killed"))

    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "settle", fail)
        with pytest.raises(TargetError):
            up(tmp_path, job(tmp_path, status=status))
    up(tmp_path, job(tmp_path, status=status), again=status != 0)
    assert count_runs(tmp_path) == runs
