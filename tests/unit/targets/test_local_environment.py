import base64
import time
from typing import Any

import pytest

from ks_universal.model.kubernetes.expansion import expand
from ks_universal.resources.objects import object_ref
from ks_universal.targets.local.environment import Sources, build_environment

Json = dict[str, Any]


def body(kind: str, name: str, **data: str) -> Json:
    return {"kind": kind, "metadata": {"name": name, "namespace": "ns"}, "data": data}


SECRET = body("Secret", "db", password=base64.b64encode(b"s3cret").decode())
CONFIG = body("ConfigMap", "app", HOST="db.local", PORT="5432")
POD = {"metadata": {"labels": {"app": "shop"}}, "spec": {"serviceAccountName": "runner"}}
SOURCES = Sources({object_ref(each): each for each in (SECRET, CONFIG)}, "ns", POD, "shop-1")


def env(*variables: Json, overrides: dict[str, str] | None = None, **container: Any) -> dict[str, str]:
    values, problems = build_environment({"env": list(variables), **container}, SOURCES, overrides=overrides or {})
    assert problems == []
    return values


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"), ("x$(A)y$(B)", "x1y2"), ("$$(A)", "$(A)"), ("$$$(A)", "$1"), ("$(C)", "$(C)"), ("$A", "$A"),
        ("$", "$"), ("$(A", "$(A"), ("$()", "$()"), ("a$$b", "a$b"),
        ("$(A)$$(B$(", "1$(B$("), ("$($(A)$$)", "$($(A)$)"),
    ],
)  # fmt: skip
def test_references_expand_as_kubernetes_expands_them(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expanded


@pytest.mark.parametrize("text", ["$(" * 50_000, "$(A)" + "$(" * 50_000, "(" * 9 + ")" + "$(A" * 50_000])
def test_references_without_an_end_are_read_in_little_time(text: str) -> None:
    began_s = time.process_time()
    assert expand(text, {}) == text
    assert time.process_time() - began_s < 1


def test_a_variable_may_refer_to_those_before_it_but_not_after_it() -> None:
    values = env({"name": "A", "value": "$(B)"}, {"name": "B", "value": "2"}, {"name": "C", "value": "$(B)"})
    assert values == {"A": "$(B)", "B": "2", "C": "2"}


def test_env_wins_over_env_from_and_may_refer_to_it() -> None:
    values = env(
        {"name": "PORT", "value": "1"},
        {"name": "URL", "value": "$(HOST):$(PORT)"},
        envFrom=[{"configMapRef": {"name": "app"}}],
    )
    assert values == {"HOST": "db.local", "PORT": "1", "URL": "db.local:1"}


def test_env_from_takes_secrets_decoded_and_with_their_prefix() -> None:
    assert env(envFrom=[{"prefix": "DB_", "secretRef": {"name": "db"}}]) == {"DB_password": "s3cret"}


def test_overrides_win_and_others_that_refer_to_them_follow() -> None:
    variables = ({"name": "HOST", "value": "prod"}, {"name": "URL", "value": "pg://$(HOST)"})
    assert env(*variables, overrides={"HOST": "here"}) == {"HOST": "here", "URL": "pg://here"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "shop-1"), ("metadata.namespace", "ns"), ("metadata.labels['app']", "shop"),
        ("metadata.annotations['none']", ""), ("spec.serviceAccountName", "runner"), ("status.podIP", "127.0.0.1"),
    ],
)  # fmt: skip
def test_fields_of_the_pod_can_be_read(path: str, value: str) -> None:
    assert env({"name": "F", "valueFrom": {"fieldRef": {"fieldPath": path}}}) == {"F": value}


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ({"resource": "limits.memory"}, "536870912"), ({"resource": "limits.memory", "divisor": "1Mi"}, "512"),
        ({"resource": "limits.ephemeral-storage"}, "1000000000"),
        ({"resource": "requests.memory", "divisor": "1Pi"}, "2"),
        ({"resource": "requests.cpu"}, "1"), ({"resource": "requests.cpu", "divisor": "1m"}, "250"),
    ],
)  # fmt: skip
def test_resources_are_given_in_the_divisors_units(reference: Json, value: str) -> None:
    limits = {"memory": "512Mi", "ephemeral-storage": "1e9"}
    resources = {"limits": limits, "requests": {"cpu": "250m", "memory": "2Pi"}}
    assert env({"name": "R", "valueFrom": {"resourceFieldRef": reference}}, resources=resources) == {"R": value}


def test_what_is_missing_is_found_all_at_once_unless_it_is_optional() -> None:
    def secret(name: str, key: str, **more: bool) -> Json:
        return {"name": "X", "valueFrom": {"secretKeyRef": {"name": name, "key": key, **more}}}

    variables = [secret("db", "none"), secret("none", "a"), secret("none", "a", optional=True)]
    sources = [{"configMapRef": {"name": "gone"}}, {"configMapRef": {"name": "gone", "optional": True}}]
    _, problems = build_environment({"env": variables, "envFrom": sources}, SOURCES, overrides={})
    assert [(p.code, p.message) for p in problems] == [
        ("local/missing-object", "there is no ConfigMap gone"),
        ("local/missing-key", "Secret db has no key 'none'"),
        ("local/missing-object", "there is no Secret none"),
    ]
