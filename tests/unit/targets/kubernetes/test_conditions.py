"""Whether an object is ready: status in, standing out."""

from typing import Any

import pytest

from ks_universal.targets.kubernetes.observed.conditions import judge

Json = dict[str, Any]


def live(status: Json | None = None, kind: str = "Widget", api_version: str = "example.com/v1", **spec: Any) -> Json:
    metadata = {"name": "x", "generation": 2}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}


def ready(status: str, type_: str = "Ready", **more: Any) -> Json:
    return {"type": type_, "status": status, "reason": "Because", "message": "it is so", **more}


@pytest.mark.parametrize(
    "body",
    [
        live(),
        live({}),
        live({"phase": "Bound"}),
        live({"conditions": [ready("True")]}),
        live({"conditions": [ready("True", observedGeneration=2)], "observedGeneration": 2}),
        live({"conditions": [ready("False", "Degraded")]}),
        live({"conditions": [ready("True"), ready("False", "Stalled"), ready("False", "Reconciling")]}),
        live({"syncedResourceVersion": "2-abc", "conditions": [ready("True")]}),
        live({"conditions": [ready("True", "Established")]}, "CustomResourceDefinition", "apiextensions.k8s.io/v1"),
        live({"conditions": [ready("True", "Synced")]}, "SealedSecret", "bitnami.com/v1alpha1"),
        live({"conditions": [ready("False", "Complete")]}, "Job", "batch/v1"),
        live({"phase": "Pending"}, "PersistentVolumeClaim", "v1"),
        live({"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 2}, "Deployment", "apps/v1", replicas=2),
        live({"observedGeneration": 2}, "StatefulSet", "apps/v1", replicas=0),
        live({"observedGeneration": 2, "desiredNumberScheduled": 1, "numberReady": 1, "updatedNumberScheduled": 1},
             "DaemonSet", "apps/v1"),
    ],
)  # fmt: skip
def test_it_is_ready_where_nothing_says_that_it_is_not(body: Json) -> None:
    assert judge(body).is_ready


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (live({"conditions": [ready("False")]}), "Because: it is so"),
        (live({"conditions": [ready("Unknown")]}), "Because: it is so"),
        (live({"conditions": [{"type": "Ready", "status": "False"}]}), "its condition Ready is False"),
        (live({"conditions": [ready("True"), ready("True", "Reconciling")]}), "Because: it is so"),
        (live({"observedGeneration": 1, "conditions": [ready("True")]}),
         "its controller has not seen this version (1 of 2)"),
        (live({"syncedResourceVersion": "1-abc", "conditions": [ready("True")]}),
         "its controller has not seen this version (1 of 2)"),
        (live({"conditions": [ready("True", observedGeneration=1)]}), "its controller has not seen this version"),
        (live({"conditions": [ready("False", observedGeneration=1)]}), "its controller has not seen this version"),
        (live({"conditions": [ready("False", "Established")]}, "CustomResourceDefinition", "apiextensions.k8s.io/v1"),
         "Because: it is so"),
        (live({}, "CustomResourceDefinition", "apiextensions.k8s.io/v1"), "its controller has not said so yet"),
        (live({"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 1}, "Deployment", "apps/v1", replicas=2),
         "1 of 2 pods are ready"),
        (live({}, "Deployment", "apps/v1"), "0 of 1 pods are ready"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_in_the_controllers_words(body: Json, why: str) -> None:
    standing = judge(body)
    assert (standing.is_ready, standing.is_final, standing.why) == (False, False, why)


def test_what_is_stalled_stays_so_until_its_controller_has_seen_another_version() -> None:
    assert judge(live({"conditions": [ready("True", "Stalled")]})).is_final
    assert not judge(
        live({"observedGeneration": 1, "conditions": [ready("True", "Stalled", observedGeneration=1)]})
    ).is_final


def test_what_is_being_deleted_is_not_ready() -> None:
    body = live({"conditions": [ready("True")]})
    body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert judge(body).why == "it is being deleted"
