"""Who has changed what was applied, by what the server notes of owners."""

from typing import Any

from ks_universal.targets.kubernetes.objects.field_owners import find_changers

Json = dict[str, Any]
TEMPLATE = ("spec", "template")
MAIN = 'k:{"name":"main"}'


def entry(manager: str, main: Json, annotations: Json | None = None, **more: str) -> Json:
    pod = {"f:spec": {"f:containers": {MAIN: main}}} if main else {}
    metadata = {"f:metadata": {"f:annotations": annotations}} if annotations else {}
    fields = {"f:spec": {"f:template": {**metadata, **pod}}}
    return {"manager": manager, "operation": "Apply", "fieldsV1": fields, **more}


def find(*entries: Json) -> dict[str, tuple[str, ...]]:
    return find_changers({"metadata": {"managedFields": list(entries)}}, TEMPLATE)


OURS = entry("ks-universal", {".": {}, "f:image": {}, "f:name": {}})


def test_who_has_a_field_that_we_have_not_has_changed_it() -> None:
    theirs = entry("kubectl-rollout", {"f:image": {}}, operation="Update")
    ours = entry("ks-universal", {".": {}, "f:name": {}})
    assert find(ours, theirs) == {"kubectl-rollout": (f"f:spec/f:containers/{MAIN}/f:image",)}


def test_who_has_only_what_we_have_too_has_changed_nothing() -> None:
    assert find(OURS) == {}
    assert find(OURS, entry("kubectl", {".": {}, "f:image": {}})) == {}


def test_a_restart_is_no_change() -> None:
    restarted: Json = {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}
    assert find(OURS, entry("kubectl-rollout", {}, restarted, operation="Update")) == {}
