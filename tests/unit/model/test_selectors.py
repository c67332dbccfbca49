"""Selectors that workloads keep, labels of pods alone, and Services that meet nobody."""

import pytest

from ks_universal.model.conversion.expressions import Release
from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml


def find(text: str, release: str = "shop") -> list[tuple[str, str | None]]:
    """List (message, hint) of the findings."""
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    return [(p.message, p.hint) for p in parse_application(tree, Release(release)).problems]


def app(more: str, section: str = "deployments") -> str:
    return f"{section}: {{app: {{{more}, containers: {{main: {{image: a, imageTag: '1'}}}}}}}}\n"


@pytest.mark.parametrize(
    "more",
    [
        "selector: {matchLabels: {app: x}}",
        "selector: {matchLabels: {app.kubernetes.io/name: other, app.kubernetes.io/instance: shop}}",
        "selector: {matchLabels: {app: x}}, podLabels: {app: x, tier: a}",
        "selector: {matchLabels: {app: x}, matchExpressions: [{key: app, operator: In, values: [x, y]}]}",
        "selector: {matchLabels: {app: x}, matchExpressions: [{key: tier, operator: DoesNotExist}]}",
        "selector: {matchLabels: {app: x}, matchExpressions: [{key: tier, operator: NotIn, values: [a]}]}",
        "selector: {matchLabels: {app: x}, matchExpressions: [{key: tier, operator: Exists}]}, podLabels: {tier: a}",
    ],
)
@pytest.mark.parametrize("section", ["deployments", "daemonSets"])
def test_a_selector_may_be_kept(more: str, section: str) -> None:
    assert find(app(more, section)) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("selector: {}", "deployments.app.selector needs the key 'matchLabels'"),
        ("selector: {matchLabels: {app: x}}, podLabels: {app: y}",
         "deployments.app.selector.matchLabels.app is not what 'podLabels' says"),
        ("selector: {matchLabels: {app: 'x y'}}",
         "deployments.app.selector.matchLabels.app is no value that Kubernetes takes for a label"),
        ("selector: {matchLabels: {app: x}, matchExpressions: [{key: tier, operator: Exists}]}",
         "deployments.app.selector.matchExpressions[0] does not hold for the labels of its own pods"),
        ("selector: {matchLabels: {app: x}, matchExpressions: [{key: app, operator: NotIn, values: [x]}]}",
         "deployments.app.selector.matchExpressions[0] does not hold for the labels of its own pods"),
        ("selector: {matchLabels: {app.kubernetes.io/instance: old}}",
         'deployments.app.selector.matchLabels["app.kubernetes.io/instance"] is the name of the release, which is '
         "'shop'"),
        ("podLabels: {app.kubernetes.io/name: x}",
         'deployments.app.podLabels["app.kubernetes.io/name"] is a built-in label and cannot be set'),
        ("podLabels: {a: 'x y'}", "deployments.app.podLabels.a is no value that Kubernetes takes for a label"),
    ],
)  # fmt: skip
def test_a_selector_that_its_pods_do_not_satisfy_is_a_finding(more: str, message: str) -> None:
    assert [found for found, _ in find(app(more))] == [message]


def test_a_release_of_any_name_may_have_the_selector_while_its_name_is_not_known() -> None:
    assert find(app("selector: {matchLabels: {app.kubernetes.io/instance: old}}"), Release().name) == []


SERVICE = "services: {%s: {selector: {%s}, ports: [{port: 80}]}}\n"


@pytest.mark.parametrize(
    ("selector", "meets"),
    [
        ("app: app", False),
        ("tier: front", True),
        ("tier: front, app: app", False),
        ("app.kubernetes.io/name: app, app.kubernetes.io/instance: anything", True),
        ("app.kubernetes.io/name: mail", True),
        ("app.kubernetes.io/name: main", False),
        ("deployment: app", True),
        ("team: blue", True),
    ],
)
def test_a_service_that_meets_no_pod_is_a_warning(selector: str, meets: bool) -> None:
    values = "generic: {labels: {team: blue}}\n" + app("podLabels: {tier: front}")
    values += "cronJobs: {mail: {schedule: '@daily', containers: {main: {image: a, imageTag: '1'}}}}\n"
    warned = [] if meets else [("services.web.selector meets no pod of these values",
                                "correct it, or leave it so where others make the pods")]  # fmt: skip
    assert find(values + SERVICE % ("web", selector)) == warned


def test_a_service_of_a_deployments_name_needs_no_selector() -> None:
    ((_, hint),) = find(app("replicas: 1") + SERVICE % ("app", "app: shop"))
    assert hint == "leave it out: the pods of 'app' are then meant"
