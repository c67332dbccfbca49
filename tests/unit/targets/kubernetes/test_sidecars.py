from typing import Any

import pytest

from ks_universal.targets.kubernetes.observed.sidecars import describe_crash, find_crashes

Json = dict[str, Any]
RUNS: Json = {"running": {}}
BACK_OFF: Json = {"waiting": {"reason": "CrashLoopBackOff"}}


def ended(code: int, at: str = "10", **more: Any) -> Json:
    return {"terminated": {"exitCode": code, "finishedAt": f"2026-01-01T00:00:{at}Z", **more}}


def pod(main: Json, proxy: Json, restarts: int = 0, last: Json | None = None) -> Json:
    told = {"name": "proxy", "state": proxy, "restartCount": restarts, "lastState": last or {}}
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "main"}], "initContainers": [{"name": "proxy", "restartPolicy": "Always"}]},
        "status": {"containerStatuses": [{"name": "main", "state": main}], "initContainerStatuses": [told]},
    }


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (pod(RUNS, ended(3)), "sidecar proxy ended with exit code 3"),
        (pod(ended(1, "20"), ended(3, "10")), "sidecar proxy ended with exit code 3"),
        (pod(ended(1), RUNS, 1, ended(3)), "sidecar proxy ended with exit code 3"),
        (pod(ended(1), BACK_OFF, 1, ended(3)), "sidecar proxy ended with exit code 3 (2 times)"),
        (pod(ended(1), ended(143, "20"), 2, ended(3)), "sidecar proxy ended with exit code 3 (2 times)"),
        (pod(RUNS, RUNS, 4, ended(0)), "sidecar proxy ended with exit code 0 (4 times)"),
        (pod(RUNS, BACK_OFF, 0, ended(3)), "sidecar proxy ended with exit code 3"),
    ],
)
def test_a_sidecar_that_ended_while_the_work_went_on_has_crashed(of: Json, said: str) -> None:
    (crash,) = find_crashes(of)
    assert describe_crash(crash, None).message == said


@pytest.mark.parametrize("of", [pod(RUNS, RUNS), pod(ended(1), ended(143, "12")), pod(ended(0), ended(137, "10"))])
def test_a_sidecar_that_was_told_to_stop_has_not(of: Json) -> None:
    assert find_crashes(of) == ()


def test_it_is_said_what_it_said_last_and_that_it_comes_first() -> None:
    (crash,) = find_crashes(pod(RUNS, ended(3)))
    problem = describe_crash(crash, "no credentials found")
    assert problem.message.endswith(", last saying: no credentials found")
    assert problem.code == "kubernetes/sidecar"
    (killed,) = find_crashes(pod(RUNS, ended(137, reason="OOMKilled")))
    assert "memory" in (describe_crash(killed, None).hint or "")


def test_a_container_beside_the_application_is_one_too_but_for_what_it_did_before() -> None:
    app = pod(RUNS, RUNS)
    app["spec"]["initContainers"] = []
    [proxy] = app["status"].pop("initContainerStatuses")
    app["status"]["containerStatuses"].append({**proxy, "restartCount": 3, "lastState": ended(3)})
    assert find_crashes(app) == ()
    assert find_crashes(app, beside=("proxy",))[0].times == 3
    assert find_crashes(app, beside=("proxy",), before={"proxy": 3}) == ()
