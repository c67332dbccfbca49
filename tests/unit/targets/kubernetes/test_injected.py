from typing import Any

import pytest

from ks_universal.targets.kubernetes.migration.injected import (
    describe_held,
    fails_beside_its_work,
    find_held,
    list_injected,
    show_as_sidecars,
)
from ks_universal.targets.kubernetes.observed.pods import find_failure, has_succeeded, read_containers

Json = dict[str, Any]
TEMPLATE: Json = {"spec": {"containers": [{"name": "main"}], "initContainers": [{"name": "proxy"}]}}
RUNS: Json = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
PULLS: Json = {"waiting": {"reason": "ImagePullBackOff"}}


def ended(code: int) -> Json:
    return {"terminated": {"exitCode": code, "finishedAt": "2026-01-01T00:00:10Z"}}


def pod(main: Json, mesh: Json, *, restart: str = "Never", phase: str = "Running") -> Json:
    """A pod of TEMPLATE into which a container was put, before the others, as meshes do."""
    return {
        "metadata": {"name": "p"},
        "spec": {
            "restartPolicy": restart,
            "containers": [{"name": "mesh"}, {"name": "main"}],
            "initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
        },
        "status": {
            "phase": phase,
            "containerStatuses": [{"name": "mesh", "state": mesh}, {"name": "main", "state": main}],
            "initContainerStatuses": [{"name": "proxy", "state": RUNS}],
        },
    }


def find(pod: Json) -> tuple[str, ...]:
    injected = list_injected(pod, TEMPLATE)
    return find_held(show_as_sidecars(pod, injected), injected)


def test_an_injected_container_is_no_part_of_the_work() -> None:
    shown = show_as_sidecars(pod(ended(0), RUNS), ["mesh"])
    kinds = {state.name: state.kind for state in read_containers(shown)}
    assert kinds == {"proxy": "sidecar", "mesh": "sidecar", "main": "main"}
    assert has_succeeded(shown)
    failed = find_failure(show_as_sidecars(pod(ended(0), ended(9)), ["mesh"]))
    assert failed is None


def test_a_pod_without_such_is_shown_as_it_is() -> None:
    plain = {"metadata": {}, "spec": {"containers": [{"name": "main"}]}, "status": {}}
    assert list_injected(plain, TEMPLATE) == ()
    assert show_as_sidecars(plain, ()) is plain


@pytest.mark.parametrize("mesh", [RUNS, PULLS])
@pytest.mark.parametrize("code", [0, 3])
def test_it_holds_a_pod_whose_work_is_over(code: int, mesh: Json) -> None:
    assert find(pod(ended(code), mesh)) == ("mesh",)


@pytest.mark.parametrize(
    "of",
    [
        pod(RUNS, RUNS),
        pod(ended(0), ended(0)),
        pod(ended(0), ended(143), phase="Failed"),
        pod({"waiting": {"reason": "ContainerCreating"}}, RUNS),
        pod(ended(3), RUNS, restart="OnFailure"),  # the kubelet starts the work again
    ],
)
def test_it_holds_no_pod_that_works_or_ends_by_itself(of: Json) -> None:
    assert find(of) == ()


@pytest.mark.parametrize(("main", "mesh", "fails"), [(0, 0, False), (0, 4, True), (0, None, True), (3, 4, False)])
def test_a_pod_fails_beside_its_work_by_what_was_injected(main: int, mesh: int | None, *, fails: bool) -> None:
    shown = show_as_sidecars(pod(ended(main), RUNS if mesh is None else ended(mesh)), ["mesh"])
    assert fails_beside_its_work(shown, ["mesh"]) is fails


def test_a_native_sidecar_that_was_injected_ends_with_the_work() -> None:
    native = pod(ended(0), ended(0))
    native["spec"]["initContainers"].append({"name": "native", "restartPolicy": "Always"})
    native["status"]["initContainerStatuses"].append({"name": "native", "state": ended(143)})
    assert find(native) == ()
    assert not fails_beside_its_work(native, list_injected(native, TEMPLATE))


def test_what_was_injected_is_named_with_the_ways_to_keep_it_away() -> None:
    problem = describe_held(("mesh", "tracer"))
    assert problem.message.startswith("containers mesh, tracer, which the cluster had put into its pod")
    assert "sidecar.istio.io/inject" in (problem.hint or "")
    assert "linkerd.io/inject" in (problem.hint or "")
