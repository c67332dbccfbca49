"""Choosing objects by name, and JSON."""

import json

import pytest

from ks_universal.errors import InputError
from ks_universal.json_types import Json
from ks_universal.manifest.select import select_objects, write_json

OBJECTS: list[Json] = [
    {"kind": "Service", "metadata": {"name": "app"}},
    {"kind": "Deployment", "metadata": {"name": "app"}},
]


def test_without_names_all_are_chosen() -> None:
    assert select_objects(OBJECTS, []) == tuple(OBJECTS)


def test_kinds_are_found_in_any_case_and_in_apply_order() -> None:
    assert select_objects(OBJECTS, ["deployment/app", "Service/app"]) == tuple(OBJECTS)
    assert select_objects(OBJECTS, ["deployment/app"]) == (OBJECTS[1],)


def test_a_name_that_no_object_has_is_a_finding_with_the_nearest_one() -> None:
    with pytest.raises(InputError) as caught:
        select_objects(OBJECTS, ["Deployment/ap"])
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint) == ("request/unknown-object", "did you mean 'Deployment/app'?")


def test_json_is_one_list_that_kubectl_takes_back() -> None:
    assert json.loads(write_json(OBJECTS)) == {"apiVersion": "v1", "kind": "List", "items": OBJECTS}
