from typing import Any

import pytest

from ks_universal.diagnostics import Severity
from ks_universal.targets.kubernetes.api.client import FIELD_MANAGER
from ks_universal.targets.kubernetes.observed.pauses import find_pause

Json = dict[str, Any]
DONE = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}


def body(**spec: Any) -> Json:
    return {"kind": "Deployment", "metadata": {"name": "app"}, "spec": spec}


def live(*pausers: str, **status: int) -> Json:
    managed = [{"manager": manager, "fieldsV1": {"f:spec": {"f:paused": {}}}} for manager in pausers]
    metadata = {"name": "app", "generation": 1, "managedFields": [{"manager": "other", "fieldsV1": {}}, *managed]}
    template: Json = {"metadata": {}, "spec": {"containers": []}}
    return {
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"paused": True, "replicas": 1, "template": template},
        "status": {**DONE, **status},
    }


def test_a_pause_by_another_is_an_error_that_names_who_and_the_way_out() -> None:
    problem = find_pause(live("kubectl-rollout"), body(), changes=True)
    assert problem is not None
    assert problem.severity is Severity.ERROR
    assert problem.message == "Deployment/app is paused (by kubectl-rollout): nothing of it rolls out"
    assert problem.hint == "kubectl rollout resume deployment/app"


def test_a_pause_of_what_does_not_change_is_a_warning_unless_a_rollout_is_on_its_way() -> None:
    settled = find_pause(live("kubectl-rollout"), body(), changes=False)
    on_its_way = find_pause(live("kubectl-rollout", updatedReplicas=0), body(), changes=False)
    assert settled is not None
    assert on_its_way is not None
    assert (settled.severity, on_its_way.severity) == (Severity.WARNING, Severity.ERROR)


def test_a_pause_of_which_nobody_knows_who_made_it_is_an_error() -> None:
    problem = find_pause(live(), body(), changes=True)
    assert problem is not None
    assert problem.message == "Deployment/app is paused: nothing of it rolls out"


@pytest.mark.parametrize(
    ("existing", "wanted"),
    [
        (None, body()),
        (live(FIELD_MANAGER), body()),  # it was the values that had paused it
        (live("kubectl-rollout"), body(paused=False)),
        (live("kubectl-rollout"), {"kind": "ConfigMap", "metadata": {"name": "app"}}),
    ],
)
def test_what_the_values_resume_is_not_paused(existing: Json | None, wanted: Json) -> None:
    assert find_pause(existing, wanted, changes=True) is None


@pytest.mark.parametrize("pausers", [(FIELD_MANAGER, "kubectl-rollout"), ("one", "two")])
def test_a_pause_stays_as_long_as_another_has_it(pausers: tuple[str, ...]) -> None:
    problem = find_pause(live(*pausers), body(), changes=True)
    assert problem is not None
    assert pausers[1] in problem.message
    assert FIELD_MANAGER not in problem.message


def test_a_pause_by_the_values_is_said() -> None:
    problem = find_pause(live("kubectl-rollout"), body(paused=True), changes=True)
    assert problem is not None
    assert problem.severity is Severity.WARNING
