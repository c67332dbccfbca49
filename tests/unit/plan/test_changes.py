from typing import Any

from ks_universal.plan.changes import FieldChange, Operation, compare_objects, diff
from ks_universal.resources.objects import object_ref

Json = dict[str, Any]


def secret(**data: str) -> Json:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": data}


def test_maps_are_compared_key_by_key_and_lists_element_by_element() -> None:
    assert list(diff({"a": 1, "b": [1]}, {"a": 2, "b": [], "c": None})) == [
        FieldChange(Operation.REPLACE, ("a",), 1, 2),
        FieldChange(Operation.REMOVE, ("b", 0), 1, None),
        FieldChange(Operation.ADD, ("c",), None, None),
    ]


def test_a_value_of_another_kind_is_replaced_as_a_whole() -> None:
    assert list(diff({"a": {"b": 1}}, {"a": [1]})) == [FieldChange(Operation.REPLACE, ("a",), {"b": 1}, [1])]


def test_no_leaks_a_secret_is_seen_to_change_and_not_what_it_holds() -> None:
    old, new = secret(a="b25l", b="dHdv"), secret(a="b25l", b="dGhyZWU=", c="Zm91cg==")
    change = compare_objects(object_ref(new), old, new)
    assert change.fields == (
        FieldChange(Operation.REPLACE, ("data", "b"), "***", "*** (changed)"),
        FieldChange(Operation.ADD, ("data", "c"), None, "***"),
    )


def test_what_the_server_writes_of_its_own_accord_is_no_change() -> None:
    old = {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1", "uid": "x"}, "status": {"a": 1}}
    new = {"kind": "ConfigMap", "metadata": {"name": "a", "annotations": {"ks-universal.io/applied": "d"}}}
    assert compare_objects(object_ref(new), old, new).change == "unchanged"


def test_an_object_that_is_not_there_is_created() -> None:
    assert compare_objects(object_ref(secret()), None, secret()).change == "created"
