"""What changes hands before an object is applied, by what the server notes of owners."""

from typing import Any

import pytest

from ks_universal.targets.kubernetes.objects.crossings import (
    Crossing,
    asks_who_scales,
    find_conflict,
    find_crossings,
    harden,
    soften,
)
from ks_universal.targets.kubernetes.objects.field_owners import Named, format_path, write_field

Json = dict[str, Any]
REPLICAS = ("spec", "replicas")
LIMITS = ("spec", "strategy", "rollingUpdate")
DEFAULTS = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}


def entry(fields: Json, manager: str = "ks-universal", **more: str) -> Json:
    return {"manager": manager, "operation": "Apply", "fieldsV1": fields, **more}


def deployment(*entries: Json, volumes: list[Json] | None = None, **spec: Any) -> Json:
    metadata: Json = {"name": "app", "managedFields": list(entries)} if entries else {"name": "app"}
    pod: Json = {"containers": [{"name": "main", "image": "a:1"}], **({"volumes": volumes} if volumes else {})}
    template = {"metadata": {}, "spec": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template, **spec}}


OURS = entry({"f:spec": {"f:replicas": {}, "f:template": {}}})
SCALER = entry({"f:spec": {"f:replicas": {}}}, "kube-controller-manager", operation="Update", subresource="scale")
PERSON = entry({"f:spec": {"f:replicas": {}}}, "kubectl", operation="Update", subresource="scale")


def test_replicas_that_are_ours_are_given_to_an_autoscaler_and_nobody_owns_them_then() -> None:
    live = deployment(OURS, PERSON, replicas=4)
    (crossing,) = find_crossings(live, deployment(), is_scaled=True)
    assert crossing == Crossing(REPLICAS, REPLICAS, is_taken=False)
    assert crossing.correct(live) == [entry({"f:spec": {"f:template": {}}}), {**PERSON, "fieldsV1": {"f:spec": {}}}]


def test_replicas_go_back_to_their_default_where_nobody_scales() -> None:
    assert find_crossings(deployment(OURS, replicas=4), deployment(), is_scaled=False) == ()


def test_replicas_that_are_not_ours_stay_without_being_given() -> None:
    live = deployment(SCALER, replicas=4)
    assert not asks_who_scales(live, deployment())
    assert find_crossings(live, deployment(), is_scaled=True) == ()


@pytest.mark.parametrize(("is_scaled", "crossings"), [(False, [REPLICAS]), (True, [])])
def test_replicas_are_taken_back_from_an_autoscaler_that_is_gone(is_scaled: bool, crossings: list[Any]) -> None:
    live, body = deployment(SCALER, replicas=5), deployment(replicas=4)
    assert asks_who_scales(live, body)
    found = find_crossings(live, body, is_scaled=is_scaled)
    assert [crossing.field for crossing in found if crossing.is_taken] == crossings
    assert find_conflict(live, found) is None


def test_replicas_that_somebody_has_set_by_hand_are_his() -> None:
    assert not asks_who_scales(deployment(PERSON, replicas=5), deployment(replicas=4))


RECREATE = deployment(strategy={"type": "Recreate"})


def test_the_limits_that_the_server_filled_in_are_taken_before_a_recreate() -> None:
    live = deployment(OURS, strategy=DEFAULTS)
    (crossing,) = find_crossings(live, RECREATE, is_scaled=False)
    (ours,) = crossing.correct(live)
    limits = ours["fieldsV1"]["f:spec"]["f:strategy"]["f:rollingUpdate"]
    assert limits == {"f:maxSurge": {}, "f:maxUnavailable": {}}
    assert find_conflict(live, [crossing]) is None


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_the_limits_that_the_server_filled_in_are_taken_before_on_delete(kind: str) -> None:
    live = {**deployment(OURS, updateStrategy=DEFAULTS), "kind": kind}
    wanted = {**deployment(updateStrategy={"type": "OnDelete"}), "kind": kind}
    strategy = ("spec", "updateStrategy")
    assert find_crossings(live, wanted, is_scaled=False) == (
        Crossing((*strategy, "rollingUpdate"), strategy, is_taken=True),
    )


def test_replicas_of_a_stateful_set_are_given_to_an_autoscaler_too() -> None:
    live, wanted = ({**body, "kind": "StatefulSet"} for body in (deployment(OURS, replicas=4), deployment()))
    assert find_crossings(live, wanted, is_scaled=True) == (Crossing(REPLICAS, REPLICAS, is_taken=False),)


def test_limits_of_which_only_one_is_ours_are_taken_as_a_whole() -> None:
    half = entry({"f:spec": {"f:strategy": {"f:rollingUpdate": {"f:maxSurge": {}}}}})
    assert [c.field for c in find_crossings(deployment(half, strategy=DEFAULTS), RECREATE, is_scaled=False)] == [LIMITS]


def test_limits_that_are_ours_go_by_themselves() -> None:
    both: Json = {"f:rollingUpdate": {"f:maxSurge": {}, "f:maxUnavailable": {}}}
    live = deployment(entry({"f:spec": {"f:strategy": both}}), strategy=DEFAULTS)
    assert find_crossings(live, RECREATE, is_scaled=False) == ()


def test_limits_of_another_manager_are_a_conflict_and_taken_from_it_by_force() -> None:
    theirs = entry({"f:spec": {"f:strategy": {"f:rollingUpdate": {"f:maxSurge": {}}}}}, "kubectl-edit")
    live = deployment(OURS, theirs, strategy=DEFAULTS)
    crossings = find_crossings(live, RECREATE, is_scaled=False)
    problem = find_conflict(live, crossings)
    assert problem is not None
    assert problem.code == "kubernetes/field-conflict"
    assert "kubectl-edit manages spec.strategy.rollingUpdate" in problem.message
    _, after = crossings[0].correct(live)
    assert after["fieldsV1"] == {"f:spec": {"f:strategy": {}}}


def test_limits_of_a_deployment_that_others_have_made_get_an_entry_of_ours() -> None:
    live = deployment(entry({"f:spec": {}}, "helm"), strategy=DEFAULTS)
    (crossing,) = find_crossings(live, RECREATE, is_scaled=False)
    assert [each["manager"] for each in crossing.correct(live)] == ["helm", "ks-universal"]


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ({"name": "v", "configMap": {"name": "c"}}, ['spec.template.spec.volumes[name="v"].emptyDir']),
        ({"name": "v"}, []),
        ({"name": "v", "emptyDir": {"medium": "Memory"}}, []),
        ({"name": "other", "configMap": {"name": "c"}}, []),
    ],
)
def test_the_source_that_a_volume_got_because_it_had_none_is_taken_before_another(
    wanted: Json, fields: list[str]
) -> None:
    live = deployment(OURS, volumes=[{"name": "v", "emptyDir": {}}])
    found = find_crossings(live, deployment(volumes=[wanted]), is_scaled=False)
    assert [format_path(crossing.field) for crossing in found] == fields


@pytest.mark.parametrize(("kind", "crossings"), [("CronJob", 1), ("Job", 0)])
def test_volumes_of_cron_jobs_change_too_and_those_of_jobs_do_not(kind: str, crossings: int) -> None:
    def make(volume: Json) -> Json:
        job = {"template": {"spec": {"containers": [], "volumes": [volume]}}}
        spec = {"jobTemplate": {"spec": job}} if kind == "CronJob" else job
        return {"kind": kind, "apiVersion": "batch/v1", "metadata": {"name": "c"}, "spec": spec}

    live, wanted = make({"name": "v", "emptyDir": {}}), make({"name": "v", "configMap": {"name": "c"}})
    assert len(find_crossings(live, wanted, is_scaled=False)) == crossings


def test_a_trial_has_what_is_there_and_its_result_what_is_wanted() -> None:
    live = deployment(OURS, replicas=4, strategy=DEFAULTS, volumes=[{"name": "v", "emptyDir": {}}])
    wanted = deployment(strategy={"type": "Recreate"}, volumes=[{"name": "v", "configMap": {"name": "c"}}], paused=True)
    crossings = find_crossings(live, wanted, is_scaled=True)
    soft = soften(live, wanted, crossings)
    assert soft["spec"]["replicas"] == 4
    assert soft["spec"]["strategy"] == DEFAULTS
    assert soft["spec"]["template"]["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert harden(soft, wanted, crossings) == write_field(wanted, REPLICAS, 4)


def test_nothing_changes_hands_where_nothing_is_there() -> None:
    assert find_crossings(None, RECREATE, is_scaled=True) == ()
    assert not asks_who_scales(None, deployment())


def test_a_path_is_written_as_the_api_server_does() -> None:
    assert format_path(("spec", "volumes", Named("a"), "emptyDir")) == 'spec.volumes[name="a"].emptyDir'
