"""The schema of releases: what a values file may hold is taken, and the whole is small enough for `kubectl apply`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ks_universal.installation.custom_resource import build_custom_resource
from ks_universal.model.conversion.text import to_json
from ks_universal.model.parse import parse_application
from ks_universal.model.reference.structural import build_structural_schema
from ks_universal.values.load import load_values
from ks_universal.values.parse import parse_yaml
from support.examples import examples
from support.strategies import GOOD

ROOT = Path(__file__).parents[3]
CASES = sorted((ROOT / "tests" / "golden" / "template").glob("*/values.yaml"))
REFUSED = {"values/wrong-type", "values/unknown-value", "values/empty"}


def read_as_server(schema: Any) -> Any:
    """Give a structural schema as the JSON Schema that says what the API server makes of it."""
    if not isinstance(schema, dict):
        return schema
    read = {key: read_as_server(value) for key, value in schema.items() if not key.startswith("x-")}
    read.pop("nullable", None)
    if "properties" in read:
        read["properties"] = {name: read_as_server(inner) for name, inner in schema["properties"].items()}
    if schema.get("x-kubernetes-int-or-string"):
        read["type"] = ["integer", "string"]
    if schema.get("nullable") and "type" in read:
        read["type"] = [*([read["type"]] if isinstance(read["type"], str) else read["type"]), "null"]
    return read


SERVER = Draft202012Validator(read_as_server(build_structural_schema()))


def find_errors(values: Any) -> list[str]:
    return [f"{error.json_path} {error.message}" for error in SERVER.iter_errors(values)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.parent.name)
def test_values_that_are_rendered_are_taken(case: Path) -> None:
    assert find_errors(yaml.safe_load(case.read_text())) == []
    assert find_errors(to_json(load_values([str(case)]).tree)) == []


def list_places(node: Any) -> Iterator[tuple[Any, Any]]:
    """List what holds a value, and the key or index that it is there by."""
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from list_places(node[key])


@given(data=st.data())
@settings(max_examples=examples(15))
def test_null_and_texts_are_taken_where_the_program_takes_them(data: st.DataObject) -> None:
    values = yaml.safe_load(GOOD)
    places = list(list_places(values))
    for number in data.draw(st.sets(st.integers(0, len(places) - 1), min_size=1, max_size=4)):
        node, key = places[number]
        as_text = isinstance(node[key], int) and data.draw(st.booleans())
        node[key] = json.dumps(node[key]) if as_text else None
    tree, problems = parse_yaml(json.dumps(values), "values.yaml")
    found = {problem.code for problem in (*problems, *parse_application(tree).problems)}
    if not found & REFUSED:
        assert find_errors(values) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("deployments: []", "$.deployments "),
        ("deployments: {a: {replicas: [1]}}", "$.deployments.a.replicas "),
        ("deployments: {a: {migrations: {phase: pots}}}", "$.deployments.a.migrations.phase "),
        ("deployments: {a: {migrations: {steps: [{args: up}]}}}", "$.deployments.a.migrations.steps[0].args "),
    ],
)
def test_what_is_of_another_type_is_refused(text: str, place: str) -> None:
    assert [error.startswith(place) for error in find_errors(yaml.safe_load(text))] == [True]


def list_maps(schema: Any) -> list[dict[str, Any]]:
    below = [each for value in schema.values() for each in (value if isinstance(value, list) else [value])]
    return [
        *([schema] if "properties" in schema and "type" in schema else []),
        *(found for each in below if isinstance(each, dict) for found in list_maps(each)),
    ]


def test_no_key_of_the_values_is_dropped_unsaid() -> None:
    maps = list_maps(build_structural_schema())
    assert len(maps) > 100
    assert all(each.get("x-kubernetes-preserve-unknown-fields") for each in maps)


def test_kubectl_apply_can_keep_its_copy() -> None:
    assert len(json.dumps(build_custom_resource(), separators=(",", ":"))) < 0.95 * 256 * 1024


def test_kubectl_can_read_it_in_a_list_too() -> None:
    """There it checks by itself, and refuses null among the values of an enum."""
    assert ":null" not in (text := json.dumps(build_custom_resource(), separators=(",", ":")))
    assert "null]" not in text
