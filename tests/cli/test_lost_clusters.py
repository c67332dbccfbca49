"""What a command exits with when the cluster is lost in the middle of a run: by what was running."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
import yaml

from ks_universal.cli.cluster import Cluster, change_cluster
from ks_universal.cli.show.event_view import JsonView
from ks_universal.diagnostics import Problem
from ks_universal.engine.events import RunStarted, StepKind, StepStarted
from ks_universal.engine.progress import RunProgress, limiting
from ks_universal.errors import TargetError
from ks_universal.plan.records import Revision
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget

GONE = TargetError(Problem("kubernetes/unreachable", "the API server does not answer"))


def lose(folder: Path, *kinds: str, interrupted: bool = False) -> int:
    """Begin steps of these kinds, and lose the cluster; gives the exit status."""
    kubeconfig = folder / "kubeconfig"
    clusters = [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}]
    contexts = [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
    users = [{"name": "u", "user": {}}]
    config = {"clusters": clusters, "contexts": contexts, "users": users, "current-context": "c"}
    kubeconfig.write_text(yaml.safe_dump(config))
    view = JsonView()

    async def work(_: KubernetesTarget) -> Revision:
        progress = RunProgress(view)
        async with limiting(progress, None):
            if kinds:
                progress(RunStarted(release="shop", revision=1, steps=kinds))
            for kind in kinds:
                progress(StepStarted(step=f"shop/{kind}", kind=StepKind(kind)))
            if interrupted:
                os.kill(os.getpid(), signal.SIGINT)
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.Event().wait()
            raise GONE

    return change_cluster(Cluster("ns", None, str(kubeconfig)), "shop", work, view=view, options=ClusterOptions())


@pytest.mark.parametrize(("kinds", "status"), [(["apply"], 1), (["rollout"], 4), (["rollout", "migrate"], 3)])
def test_what_was_at_work_decides(
    tmp_path: Path, kinds: list[str], status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert lose(tmp_path, *kinds) == status
    assert "kubernetes/unreachable" in capfd.readouterr().out


def test_an_interrupted_run_stays_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert lose(tmp_path, "migrate", interrupted=True) == 130
    assert "kubernetes/unreachable" in capfd.readouterr().out


def test_before_a_run_has_begun_nothing_was_changed(tmp_path: Path) -> None:
    with pytest.raises(TargetError):
        lose(tmp_path)
