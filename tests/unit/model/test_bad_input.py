from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from ks_universal.diagnostics import Problem, has_errors
from ks_universal.model.parse import parse_application
from ks_universal.plan.build import build_plan
from ks_universal.plan.records import State
from ks_universal.resources.build import build_objects
from ks_universal.values.parse import parse_yaml
from support.examples import examples
from support.strategies import SECRET, broken_values, good_values, write

UNREADABLE = [
    "[]", "5", "text", "- a", "a: b: c", "\t", "{", "}", "[", "'", '"', "&a *a", "!!binary x",
    "deployments: 5", "deployments: []", "deployments: [a]", "deployments: {a: }", "deployments: {a: []}",
    "deployments: {a: {containers: }}", "deployments: {a: {containers: []}}", "deployments: {a: {containers: {m: }}}",
    "deployments: {a: {containers: {m: []}}}", "deployments: {a: {containers: {m: {image: }}}}",
    "deployments: {a: {containers: [{name: main, image: x}]}}",
    "deployments: {a: {migrations: true}}", "deployments: {a: {migrations: {enabled: maybe}}}",
    "deployments: {a: {migrations: {enabled: true, args: migrate}}}",
    "deployments: {a: {migrations: {enabled: true, steps: {}}}}",
    "deployments: {a: {migrations: {enabled: true, steps: [~]}}}",
    "deploymentsGeneral: []", "deploymentsGeneral: {probes: 5}\ndeployments: {a: {containers: {m: {image: x}}}}",
    "deploymentsGeneral: {probes: {livenessProbe: []}}\ndeployments: {a: {containers: {m: {image: 'x:1'}, n: []}}}",
    "deploymentsGeneral: {probes: {livenessProbe: {httpGet: 5}}}\ndeployments: {a: {containers: {m: {}, n: {}}}}",
    "deploymentsGeneral: {labels: 5}\ndeployments: {a: {labels: {b: c}, containers: {m: {image: 'x:1'}}}}",
    "configs: {a: {type: secret, data: [s3cr3t]}}", "configs: {a: {type: secret, data: s3cr3t}}",
    "configs: {a: {type: Secret, data: {A: s3cr3t}}}",
    "configs: {a: {type: secret, data: {A: !!binary s3cr3t}}}", "configs: {a: s3cr3t}", "configs: {s: {type: secret}}",
    "secretRefs: {a: {}}", "secretRefs: {a: [s3cr3t]}", "secretRefs: {a: [{name: A, secretKeyRef: s3cr3t}]}",
    "services: {a: {ports: {http: 80}}}", "services: {a: {ports: [80]}}", "services: {1a: {ports: [{port: 0}]}}",
    "persistentVolumeClaims: {a: {size: big}}", "persistentVolumeClaims: {a: {accessModes: all, size: 1Gi}}",
    "generic: 5", "generic: {labels: [a]}", "local: {postgres: {port: all}}", "local: {images: [a]}",
    "jobs: {a: {}}", "ingresses: {a: {}}", "on: 1", "'': 1", "? [a]\n: 1", "a: *b", "<<: 5", "a: 1\na: 2",
]  # fmt: skip
ODD_AND_GOOD = ["", "~", "---\n---", "configs: {a: {data: {A: s3cr3t}}}"]


def find_problems(text: str) -> list[Problem]:
    tree, problems = parse_yaml(text, "values.yaml")
    parsed = parse_application(tree)
    found = [*problems, *parsed.problems]
    if not has_errors(found):
        assert parsed.application is not None
        build_plan(build_objects(parsed.application, "shop", "ns"), State())
    return found


def test_the_good_values_have_no_finding() -> None:
    assert find_problems(write(good_values())) == []


@pytest.mark.parametrize("text", UNREADABLE)
def test_written_bad_input_ends_in_findings_that_have_a_place_and_keep_secrets(text: str) -> None:
    problems = find_problems(text)
    assert problems != []
    check(problems)


@pytest.mark.parametrize("text", ODD_AND_GOOD)
def test_what_only_looks_odd_has_no_finding(text: str) -> None:
    assert find_problems(text) == []


@settings(
    max_examples=examples(200),
    deadline=timedelta(seconds=10),
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(broken_values())
def test_damaged_values_end_in_findings_that_have_a_place_and_keep_secrets(text: str) -> None:
    check(find_problems(text))


def check(problems: list[Problem]) -> None:
    for problem in problems:
        assert problem.where is not None
        assert SECRET not in str(problem)
        assert str(problem).isprintable() or "\n" in str(problem)
