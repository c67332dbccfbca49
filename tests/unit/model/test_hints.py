"""What findings say beside their code: the place in words, and what to do."""

import pytest

from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml

MAIN = "containers: {main: {image: a, imageTag: v1%s}}"


def app(more: str) -> str:
    return f"deployments: {{app: {{{more}, {MAIN % ''}}}}}\n"


def container(more: str) -> str:
    return f"deployments: {{app: {{{MAIN % f', {more}'}}}}}\n"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("deployments: {app: {containers: ~}}",
         "deployments.app.containers is empty", "it cannot be left out"),
        ("deployments: {app: {containers: {main: ~}}}",
         "deployments.app.containers.main is empty", "say something of it, or leave it out"),
        ("configs: {c: {data: {k: ~}}}",
         "configs.c.data.k is empty", 'write "" for an empty text, or leave it out'),
        (app("tolerations: [~]"),
         "deployments.app.tolerations[0] is empty", "say something of it, or leave it out"),
        (app("replicas: 1.5"),
         "deployments.app.replicas must be a whole number, not a fraction", None),
        (app("replicas: 1e30"),
         "deployments.app.replicas must be a whole number, not a number that is too large", None),
        (app("replicas: " + "9" * 310),
         "deployments.app.replicas must be a whole number, not a number that is too large", None),
        (container("env: {A: b}"),
         "deployments.app.containers.main.env must be a list, not a map",
         "write it as a list: each entry begins with '- '"),
        (container("args: migrate"),
         "deployments.app.containers.main.args must be a list, not a text",
         'write it as a list: ["first", "second"]'),
        (container("securityContext: {capabilities: {add: NET_ADMIN}}"),
         "deployments.app.containers.main.securityContext.capabilities.add must be a list, not a text",
         'write it as a list: ["first", "second"]'),
        ("common: &common {a: b}",
         "the top level has no key 'common'", "a key that no section reads, such as one for anchors, begins with 'x-'"),
        ("generic: {deploymentsGeneral: {securityContext: {runAsUser: 1}}}",
         "generic.deploymentsGeneral has no key 'securityContext'",
         "it belongs to 'deploymentsGeneral' at the top level; this one is for authenticators alone"),
        ("deployments: {app: {container: {main: {image: 'a:1'}}, autoCreateService: true}}\n"
         "ingresses: {a: {hosts: [{host: a.b, paths: [{service: app, portName: http}]}]}}",
         "deployments.app has no key 'container'", "did you mean 'containers'?"),
        ("cronJobs: {a: {shedule: '@daily', containers: {main: {image: 'a:1'}}}}",
         "cronJobs.a has no key 'shedule'", "did you mean 'schedule'?"),
        ("deployments: {app: {ports: {}, containers: {main: {image: 'a:1'}}}}",
         "deployments.app has no key 'ports'", "it belongs to a container: containers.NAME.ports"),
        ("deploymentsGeneral: {env: []}",
         "deploymentsGeneral has no key 'env'",
         "containers inherit 'probes' and 'lifecycle' only; the rest each workload says itself"),
        (container("hostNetwork: true"),
         "deployments.app.containers.main has no key 'hostNetwork'",
         "it belongs beside 'containers', not into one of them"),
        (app("migrations: {enabled: true, steps: [{name: a, args: [x], when: image}]}"),
         "deployments.app.migrations.steps[0] has no key 'when'",
         "it belongs beside 'steps': all of them run together or not"),
        ("migrations: {enabled: true}",
         "the top level has no key 'migrations'", "it belongs to a deployment: deployments.NAME.migrations"),
        ("secure-app: {containers: {main: {image: 'a:1'}}}",
         "the top level has no key 'secure-app'",
         "with 'containers' it belongs below 'deployments', 'statefulSets', 'daemonSets', 'jobs' or 'cronJobs'"),
        ("ks-universal: {deployments: {}}",
         "the top level has no key 'ks-universal'",
         "that is how a parent chart names it: 'ks-universal convert' brings what is below it to the top level"),
        ("global: {limits: [1, .inf]}",
         "global.limits[1] is not a finite number, and Kubernetes takes no others", None),
        (app("labels: {'a b': c}"),
         'deployments.app.labels["a b"] is no key that Kubernetes takes',
         "it takes 'name' or 'domain/name' of letters, digits, '-', '_' and '.', the name at most 63"),
        ("configs: {c: {data: {'': x}}}",
         'configs.c.data[""] is no name that Kubernetes takes for a key of a config',
         "it takes letters, digits, '-', '_' and '.'"),
    ],
)  # fmt: skip
def test_a_finding_says_where_and_what_to_do(text: str, message: str, hint: str | None) -> None:
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    (problem,) = parse_application(tree).problems
    assert (problem.message, problem.hint) == (message, hint)
