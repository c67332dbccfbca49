from typing import Any

import pytest

from ks_universal.api.values import check_for_version, render
from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from support.releases import app, load_values


def check(values: dict[str, Any], version: str) -> tuple[Problem, ...]:
    loaded = load_values(values)
    return check_for_version(loaded, render(loaded, "demo"), version)


def messages(values: dict[str, Any], version: str) -> list[str]:
    return [problem.message for problem in check(values, version)]


def with_container(**container: Any) -> dict[str, Any]:
    web = app()
    web["containers"]["main"].update(container)
    return {"deployments": {"web": web}}


def test_a_field_that_came_later_is_found_with_its_place_and_its_version() -> None:
    values = with_container(lifecycle={"preStop": {"sleep": {"seconds": 1}}})
    path = "spec.template.spec.containers[0].lifecycle.preStop.sleep"
    assert messages(values, "1.28") == [f"Deployment/web: Kubernetes 1.28 does not know {path}, which came with 1.29"]
    assert messages(values, "1.29") == []
    assert check(values, "1.28")[0].hint == (
        "leave out deployments.web.containers.main.lifecycle.preStop.sleep, or choose a newer cluster"
    )


def test_jobs_of_migrations_are_looked_at_too() -> None:
    (problem,) = check({"deployments": {"web": app("one")}}, "1.27")
    assert problem.message.startswith("Job/web-migrations-one: Kubernetes 1.27 does not know spec.podReplacementPolicy")
    assert problem.hint == "choose a newer cluster: the values don't say this, the program needs it"


def test_a_field_whose_type_had_another_name_before_is_no_new_field() -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "size": "1Gi"}
    assert messages({"persistentVolumeClaims": {"data": claim}}, "1.25") == []


def test_only_the_outermost_unknown_field_is_named() -> None:
    (message,) = messages(
        {"deployments": {"web": app(securityContext={"appArmorProfile": {"type": "Unconfined"}})}}, "1.29"
    )
    assert message.endswith("securityContext.appArmorProfile, which came with 1.30")


@pytest.mark.parametrize(("api", "count"), [("apps/v1", 0), ("extensions/v1beta1", 1), ("example.org/v1", 0)])
def test_an_api_that_was_removed_is_named_with_its_successor(api: str, count: int) -> None:
    target = {"apiVersion": api, "kind": "Deployment", "name": "elsewhere"}
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    scaler = {"scaleTargetRef": target, "maxReplicas": 2, "metrics": [{"type": "Resource", "resource": resource}]}
    problems = check({"hpas": {"web": scaler}}, "1.30")
    assert [(problem.code, problem.hint) for problem in problems] == [
        ("kubernetes/removed-api", "write apps/v1 in hpas.web.scaleTargetRef.apiVersion")
    ] * count


@pytest.mark.parametrize("version", ["1.36", "v1.36", "1.36.4", "1.37"])
def test_versions_are_written_in_several_ways(version: str) -> None:
    assert messages({"deployments": {"web": app("one")}}, version) == []


@pytest.mark.parametrize("version", ["1.24", "1.99", "one", "", "1"])
def test_a_version_that_is_not_known_is_refused(version: str) -> None:
    with pytest.raises(InputError, match=r"1\.25 to 1\.37 are known"):
        check({}, version)
