"""The JSON Schema: takes what `validate` takes, refuses typical mistakes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ks_universal.model.conversion.text import to_json
from ks_universal.model.reference.schema import build_partial_schema, build_schema
from ks_universal.values.load import load_values
from ks_universal.values.parse import parse_yaml

ROOT = Path(__file__).parents[3]
CASES = sorted((ROOT / "tests" / "golden" / "template").glob("*/values.yaml"))
WHOLE = build_schema()
SCHEMA, PARTIAL = Draft202012Validator(WHOLE), Draft202012Validator(build_partial_schema())
APP = "deployments: {a: {containers: {main: {image: a, imageTag: %s}}%s}}"


def find_errors(schema: Draft202012Validator, values: Any) -> list[str]:
    return [f"{error.json_path} {error.message}" for error in schema.iter_errors(values)]


def read(text: str) -> Any:
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    return to_json(tree)


@pytest.mark.parametrize("schema", [build_schema(), build_partial_schema()], ids=["whole", "partial"])
def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.parent.name)
def test_values_that_are_rendered_are_taken(case: Path) -> None:
    assert find_errors(SCHEMA, to_json(load_values([str(case)]).tree)) == []


@pytest.mark.parametrize("name", ["values.v2.yaml", "values.local.yaml"])
def test_a_file_that_is_laid_over_others_is_taken_by_the_partial_schema_only(name: str) -> None:
    values = to_json(load_values([str(ROOT / "examples" / "shop" / name)]).tree)
    assert find_errors(PARTIAL, values) == []
    assert find_errors(SCHEMA, values) != []


@pytest.mark.parametrize("tag", ["1.10", "'1.10'", "true", "20240115"])
def test_a_text_is_taken_as_it_is_written(tag: str) -> None:
    assert find_errors(SCHEMA, read(APP % (tag, ""))) == []


def list_properties(schema: Any, levels: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """List what an editor may show on this many levels of keys, by path."""
    for name, described in schema.get("properties", {}).items() if levels else ():
        yield name, described
        inner = described
        while isinstance(inner.get("items") or inner.get("additionalProperties"), dict):
            inner = inner.get("items") or inner["additionalProperties"]
        below = WHOLE["$defs"][inner["$ref"].rpartition("/")[2]] if "$ref" in inner else {}
        yield from ((f"{name}.{path}", each) for path, each in list_properties(below, levels - 1))


def test_an_editor_has_a_sentence_for_each_key_of_the_first_four_levels() -> None:
    properties = dict(list_properties(WHOLE, 4))
    assert "deployments.migrations.steps.args" in properties
    assert [path for path, described in properties.items() if not described.get("description")] == []


def test_null_removes_a_key() -> None:
    assert find_errors(SCHEMA, {"deployments": {"a": {"containers": {"main": {"image": "a", "probes": None}}}}}) == []


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("deployment: {}", "$ ", "'deployment' does not match any of the regexes: '^x-'"),
        (APP % ("v1", ", replics: 2"), "$.deployments.a ", "'replics' was unexpected"),
        (APP % ("v1", ", replicas: two"), "$.deployments.a.replicas ", "does not match"),
        (APP % ("v1", ", hostNetwork: often"), "$.deployments.a.hostNetwork ", "is not one of"),
        (APP % ("[v1]", ""), "$.deployments.a.containers.main.imageTag ", "is not of type"),
        (APP % ("v1", ", migrations: {enabled: true, args: migrate}"), "$.deployments.a.migrations.args ", "'array'"),
        (APP % ("v1", ", migrations: {phase: before}"), "$.deployments.a.migrations.phase ", "is not one of"),
        (APP % ("v1", ", volumes: [{emptyDirr: {}, name: v}]"), "$.deployments.a.volumes[0] ", "'emptyDirr'"),
        ("deployments: {a: {replicas: 1}}", "$.deployments.a ", "'containers' is a required property"),
        ("cronJobs: {a: {containers: {m: {image: a}}}}", "$.cronJobs.a ", "'schedule' is a required property"),
        ("configs: {a: {type: ConfigMap, data: {}}}", "$.configs.a.type ", "is not one of"),
    ],
)
def test_a_mistake_is_found_where_it_is(text: str, place: str, what: str) -> None:
    (error,) = find_errors(SCHEMA, read(text))
    assert error.startswith(place)
    assert what in error


def test_what_a_deployment_inherits_in_part_is_not_required_of_it() -> None:
    inherited = "deploymentsGeneral: {securityContext: {seccompProfile: {type: Localhost}}}\n"
    own = APP % ("v1", ", securityContext: {seccompProfile: {localhostProfile: own.json}}")
    assert find_errors(SCHEMA, read(inherited + own)) == []


@pytest.mark.parametrize(
    "text",
    [
        APP % ("v1", ", initContainers: {wait: {image: b, imageTag: v1}}"),
        "networkPolicies: {a: {spec: {podSelector: {}}}}",
        "configs: {a: {data: {binaryData: {logo: aGVsbG8=}}}}",
        "httpRoutes: {a: {hostnames: [a.example.com, {subdomain: b}], rules: []}}",
    ],
)
def test_other_forms_of_the_charts_documentation_are_taken(text: str) -> None:
    assert find_errors(SCHEMA, read(text)) == []
