"""Fields of Kubernetes that take only a few texts: others are found before a cluster refuses them."""

import pytest

from ks_universal.model.kubernetes.choices import _CHOICES
from ks_universal.model.kubernetes.fields import fields_of
from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml

MAIN = "containers: {main: {image: a, imageTag: v1%s}}"


def app(more: str) -> str:
    return f"deployments: {{app: {{{more}, {MAIN % ''}}}}}\n"


def container(more: str) -> str:
    return f"deployments: {{app: {{{MAIN % f', {more}'}}}}}\n"


def find(text: str) -> list[tuple[str, str, str | None]]:
    """List (code, place, hint) of the findings."""
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    return [(p.code, str(p.where), p.hint) for p in parse_application(tree).problems]


def test_every_field_with_choices_is_a_text_or_a_list_of_texts_in_the_table() -> None:
    kinds = {fields_of(definition)[field].rstrip("!") for definition, fields in _CHOICES.items() for field in fields}
    assert kinds == {"text", "[]text"}


@pytest.mark.parametrize(
    ("text", "wrong", "meant"),
    [
        (container("imagePullPolicy: always"), "always", "Always"),
        (container("terminationMessagePolicy: file"), "file", "File"),
        (container("probes: {livenessProbe: {httpGet: {path: /, port: 80, scheme: https}}}"), "https", "HTTPS"),
        (app("dnsPolicy: clusterfirst"), "clusterfirst", "ClusterFirst"),
        (app("tolerations: [{key: a, operator: exists}]"), "exists", "Exists"),
        (app("tolerations: [{key: a, effect: noSchedule}]"), "noSchedule", "NoSchedule"),
        (app("securityContext: {seccompProfile: {type: runtimeDefault}}"), "runtimeDefault", "RuntimeDefault"),
        (app("volumes: [{name: x, hostPath: {path: /x, type: directory}}]"), "directory", "Directory"),
        (app("topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotShedule}]"),
         "DoNotShedule", "DoNotSchedule"),
        (app("strategy: {type: RollingUpdates}"), "RollingUpdates", "RollingUpdate"),
        ("services: {a: {selector: {a: b}, externalTrafficPolicy: local, ports: [{port: 80}]}}", "local", "Local"),
        ("networkPolicies: {a: {podSelector: {}, policyTypes: [Egress, ingress]}}", "ingress", "Ingress"),
        (f"jobs: {{a: {{completionMode: indexed, {MAIN % ''}}}}}", "indexed", "Indexed"),
        (f"cronJobs: {{a: {{schedule: '@daily', concurrencyPolicy: forbid, {MAIN % ''}}}}}", "forbid", "Forbid"),
        ("resourceQuotas: {q: {hard: {pods: 1}, scopes: [terminating]}}", "terminating", "Terminating"),
        ("configs: {a: {type: ConfigMap, data: {}}}", "ConfigMap", "configMap"),
    ],
)  # fmt: skip
def test_another_text_is_found_with_its_place_and_what_was_meant(text: str, wrong: str, meant: str) -> None:
    place = f"values.yaml:1:{text.index(wrong) + 1}"
    assert find(text) == [("values/unknown-value", place, f"did you mean '{meant}'?")]


def test_the_texts_themselves_and_the_empty_one_where_it_means_all_are_taken() -> None:
    assert find(app("tolerations: [{operator: Exists, effect: ''}], dnsPolicy: None")) == []
