"""The checks of jobs, ingresses, routes, certificates, monitors, budgets, autoscalers, policies and authenticators."""

import pytest

from ks_universal.model.parse import parse_application
from ks_universal.values.parse import parse_yaml

GENERIC = "generic: {ingressesGeneral: {domain: example.com}, httpRoutesGeneral: {parentRefs: [{name: gw}]}}\n"
MAIN = "containers: {main: {image: a, imageTag: '1', ports: {http: {containerPort: 80}}}}"
CPU = "metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]"
DEX = "applicationDomain: sso.example.com, applicationIngressClassName: nginx"


def find(text: str) -> list[tuple[str, str]]:
    """List (severity, code) of the findings, in the order found."""
    tree, problems = parse_yaml(text, "values.yaml")
    assert problems == []
    return [(p.severity.value, p.code) for p in parse_application(tree).problems]


def app(more: str, generic: str = GENERIC) -> str:
    return f"{generic}deployments: {{app: {{autoCreateService: true, {more}, {MAIN}}}}}\n"


def job(more: str, section: str = "jobs") -> str:
    return f"{section}: {{j: {{{more}, containers: {{main: {{image: a, imageTag: '1'}}}}}}}}\n"


def cron(more: str) -> str:
    return job(more, "cronJobs")


def hosts(text: str, generic: str = GENERIC) -> str:
    return app(f"autoCreateIngress: true, ingress: {{hosts: [{text}]}}", generic)


def rules(text: str) -> str:
    return app(f"autoCreateHttpRoute: true, httpRoute: {{rules: [{text}]}}")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (job("restartPolicy: Always"), "values/unknown-value"),
        (job("backoffLimit: -1"), "values/out-of-range"),
        (job("parallelism: 0"), "values/out-of-range"),
        (job("completions: two"), "values/wrong-type"),
        ("jobs: {j: {containers: {}}}", "values/empty"),
        ("jobs: {j: {backoffLimit: 1}}", "values/missing-key"),
        (cron("suspend: true"), "values/missing-key"),
        (cron("schedule: daily"), "values/unknown-value"),
        (cron("schedule: '* * * * * *'"), "values/unknown-value"),
        (cron("schedule: '@daily', concurrencyPolicy: forbid"), "values/unknown-value"),
        (cron("schedule: '@daily', timezone: UTC, timeZone: UTC"), "values/contradiction"),
        (cron("schedule: '@daily', failedJobsHistoryLimit: -1"), "values/out-of-range"),
        (cron("schedule: '@daily'").replace("{j:", "{" + 53 * "j" + ":"), "names/invalid"),
        (hosts("{subdomain: api}", ""), "hosts/no-domain"),
        (hosts("{paths: [{path: /}]}", ""), "hosts/no-domain"),
        (hosts("{host: App.example.com}"), "names/invalid"),
        (hosts("{host: 10.0.0.1}"), "names/invalid"),
        (hosts("{subdomain: a_b}"), "names/invalid"),
        (hosts("{paths: [{path: api}]}"), "values/unknown-value"),
        (hosts("{paths: [{pathType: prefix}]}"), "values/unknown-value"),
        (hosts("{paths: [{portName: htpp}]}"), "references/unknown-port"),
        (app("autoCreateIngress: true", "generic: {ingressesGeneral: {domain: '-'}}\n"), "names/invalid"),
        ("ingresses: {i: {labels: {a: b}}}", "values/missing-key"),
        (hosts("{host: a.b.c}") + "ingresses: {app: {hosts: [{host: a.b.d}]}}", "names/duplicate"),
        (app("autoCreateIngress: true, ingress: {dexAuthenticator: {enabled: true}}"),
         "references/unknown-authenticator"),
        (app("autoCreateHttpRoute: true", "generic: {ingressesGeneral: {domain: example.com}}\n"),
         "values/missing-key"),
        (app("autoCreateHttpRoute: true", "generic: {httpRoutesGeneral: {parentRefs: [{name: g}]}}\n"),
         "hosts/no-domain"),
        (rules("{matches: [{path: {type: Prefix}}]}"), "values/unknown-value"),
        (rules("{matches: [{path: {value: api}}]}"), "values/unknown-value"),
        (rules("{matches: [{method: FETCH}]}"), "values/unknown-value"),
        (rules("{matches: [{headers: [{name: a, value: b, type: Regex}]}]}"), "values/unknown-value"),
        (rules("{backendRefs: [{weight: -1}]}"), "values/out-of-range"),
        (GENERIC + "httpRoutes: {r: {hostnames: [a.example.com]}}", "values/missing-key"),
        (app("autoCreateCertificate: true", ""), "hosts/no-domain"),
        (app("autoCreateCertificate: true, certificate: {domains: [A]}"), "names/invalid"),
        (app("serviceMonitor: {interval: often}"), "values/wrong-type"),
        (app("serviceMonitor: {scheme: ftp}"), "values/unknown-value"),
        (app("serviceMonitor: {endpoints: [{port: metrics}]}"), "references/unknown-port"),
        (app("autoCreateServiceMonitor: true, serviceMonitor: {endpoints: [{prot: http}]}"), "values/unknown-key"),
        ("generic: {serviceMonitorGeneral: {scrapeTimeout: '10'}}", "values/wrong-type"),
        (app("autoCreatePdb: true, pdbConfig: {minAvailable: 1, maxUnavailable: 1}"), "values/contradiction"),
        (app("autoCreatePdb: true, pdbConfig: {minAvailable: half}"), "values/wrong-type"),
        (app("pdb: {labels: {a: b}}"), "values/missing-key"),
        (app("pdb: {maxUnavailable: -1}"), "values/out-of-range"),
        (app("strategy: {type: Rolling}"), "values/unknown-value"),
        (app("strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}"), "values/contradiction"),
        (app("strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}"), "values/contradiction"),
        (app("strategy: {rollingUpdate: {maxSurge: some}}"), "values/wrong-type"),
        (app(f"hpa: {{{CPU}}}"), "values/missing-key"),
        (app("hpa: {maxReplicas: 2}"), "values/missing-key"),
        (app(f"hpa: {{minReplicas: 3, maxReplicas: 2, {CPU}}}"), "values/out-of-range"),
        (app(f"hpa: {{minReplicas: 0, maxReplicas: 2, {CPU}}}"), "values/contradiction"),
        (app("hpa: {maxReplicas: 2, metrics: [{type: Cpu}]}"), "values/unknown-value"),
        (app("hpa: {maxReplicas: 2, metrics: [{type: Pods}]}"), "values/missing-key"),
        (f"hpas: {{x: {{maxReplicas: 2, {CPU}}}}}", "references/unknown-deployment"),
        (app(f"hpa: {{maxReplicas: 2, {CPU}}}") + f"hpas: {{app: {{maxReplicas: 2, {CPU}}}}}", "names/duplicate"),
        ("networkPolicies: {p: {policyTypes: [Ingress]}}", "values/missing-key"),
        ("networkPolicies: {p: {podSelector: {}, policyTypes: [ingress]}}", "values/unknown-value"),
        ("resourceQuotas: {q: {}}", "values/missing-key"),
        ("resourceQuotas: {q: {hard: {pods: many}}}", "values/wrong-type"),
        (f"dexAuthenticators: {{d: {{{DEX}, keepUsersLoggedInFor: 1d}}}}", "values/wrong-type"),
        (f"dexAuthenticators: {{d: {{{DEX}, additionalApplications: [{{ingressClassName: n}}]}}}}",
         "values/missing-key"),
        (f"dexAuthenticators: {{d: {{{DEX}, additionalApplications: [{{domain: b.example.com}}]}}}}",
         "values/missing-key"),
        ("dexAuthenticators: {d: {applicationDomain: sso.example.com}}", "values/missing-key"),
        ("dexAuthenticators: {d: {applicationDomain: '*.example.com', applicationIngressClassName: n}}",
         "names/invalid"),
        (f"generic: {{dexAuthenticatorGeneral: {{{DEX}}}}}\ndexAuthenticator: {{enabled: false}}",
         "values/contradiction"),
        (job("initContainers: {i: {image: 'a:1', resources: {requests: {memory: 1.5Gi}, limits: {memory: 1500Mi}}}}"),
         "values/contradiction"),
        (app("migrations: {enabled: true, args: [up], resources: {requests: {cpu: 2}, limits: {cpu: 1999m}}}"),
         "values/contradiction"),
        (app("autoCreatePdb: true").replace("{image: a,", "{probes: {livenessProbe: {successThreshold: 2, "
         "exec: {command: [a]}}}, image: a,"), "values/out-of-range"),
        ("services: {s: {selector: {a: b}, ports: [{port: 80, nodePort: 30080}]}}", "values/contradiction"),
        ("services: {s: {selector: {a: b}, ports: [{port: 80, targetPort: 99999}]}}", "values/out-of-range"),
        ("services: {s: {selector: {a: b}, ports: [{port: 80, targetPort: web_}]}}", "names/invalid"),
        ("persistentVolumeClaims: {p: {accessModes: [ReadWriteOnce], size: 10GB}}", "values/wrong-type"),
        (app("pdb: {minAvailable: 150%}"), "values/out-of-range"),
        (app("strategy: {rollingUpdate: {maxUnavailable: 101%}}"), "values/out-of-range"),
        (app("autoCreatePdb: true").replace("image: a,", "image: a, env: [{name: A, valueFrom: {}}],"), "env/source"),
        ("secretRefs: {g: [{name: A, valueFrom: {fieldRef: {fieldPath: a}, configMapKeyRef: "
         "{name: c, key: k, optional: true}}}]}", "env/source"),
        ("services: {s: {type: LoadBalancer, clusterIP: None, selector: {a: b}, ports: [{port: 80}]}}",
         "values/contradiction"),
        ("services: {s: {externalTrafficPolicy: Local, selector: {a: b}, ports: [{port: 80}]}}",
         "values/contradiction"),
        (app("serviceConfig: {loadBalancerSourceRanges: [10.0.0.0/8]}"), "values/contradiction"),
        (app("serviceType: NodePort, serviceConfig: {clusterIP: None}"), "values/contradiction"),
        ("configs: {c: {binaryData: {a: '%'}}}", "values/wrong-type"),
        ("configs: {c: {data: {a: b}, binaryData: {a: aGk=}}}", "names/duplicate"),
        ("configs: {c: {data: {a: b}, secretType: kubernetes.io/tls}}", "values/contradiction"),
        ("configs: {c: {type: secret, secretType: kubernetes.io/dockercfg, data: {a: b}}}", "values/missing-key"),
        (f"configs: {{c: {{data: {{a: {'x' * 1048576}, b: c}}}}}}", "kubernetes/too-large"),
        (f"configs: {{c: {{type: secret, data: {{a: {'ä' * 524289}}}}}}}", "kubernetes/too-large"),
        (f"configs: {{c: {{binaryData: {{a: {'AAAA' * 349525}AAA=}}}}}}", "kubernetes/too-large"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_one_finding_names_what_is_wrong(text: str, code: str) -> None:
    assert find(text) == [("error", code)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (app("autoCreateIngress: true", ""), "hosts/all"),
        (app("autoCreateIngress: true").replace("autoCreateService: true", "replicas: 1"),
         "references/unknown-service"),
        (hosts("{paths: [{service: other}]}"), "references/unknown-service"),
        (hosts("{paths: [{port: 81}]}"), "references/unknown-port"),
        (hosts("{host: a.b.c, subdomain: a}"), "values/contradiction"),
        (hosts("{paths: [{path: /a}, {path: /a}]}"), "names/duplicate"),
        (app("autoCreateCertificate: true, certificate: {issuer: a, clusterIssuer: b}"), "values/contradiction"),
        (app("ingress: {hosts: [{subdomain: a}]}"), "values/not-enabled"),
        (app("pdbConfig: {minAvailable: 1}"), "values/not-enabled"),
        (app("autoCreateServiceMonitor: true").replace("autoCreateService: true", "replicas: 1"),
         "references/unknown-service"),
    ],
)  # fmt: skip
def test_what_may_be_meant_so_is_a_warning(text: str, code: str) -> None:
    assert find(text) == [("warning", code)]


@pytest.mark.parametrize(
    "text",
    [
        hosts("{host: '*.example.com'}, {host: app.my-company.com}, {host: api.v2.example.com}, {subdomain: a}"),
        hosts("{paths: [{portName: http}, {path: /b, port: 80}]}"),
        rules("{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}"),
        rules("{matches: [{method: GET, headers: [{name: a, value: b}]}], backendRefs: [{name: app, weight: 0}]}"),
        app("autoCreateIngress: false, ingress: {hosts: [{subdomain: a}]}"),
        app("autoCreatePdb: true"),
        app("hpa: {}"),
        app(
            "hpa: {minReplicas: 0, maxReplicas: 2, metrics: "
            "[{type: External, external: {metric: {name: depth}, target: {type: Value, value: 10}}}]}"
        ),
        app("ingress: ~, pdbConfig: ~"),
        app("strategy: {rollingUpdate: {maxSurge: 200%, maxUnavailable: 100%}}"),
        job(
            "initContainers: {i: {image: 'a:1', resources: {requests: {cpu: 0.3, memory: 1Gi, ephemeral-storage: 1G}, "
            "limits: {cpu: 300m, memory: 1024Mi}}}}"
        ),
        cron("schedule: '*/5 0-6,22 1 JAN MON-FRI'"),
        cron("schedule: '@every 1h30m'"),
        "networkPolicies: {p: {podSelector: {}}}",
        "services: {s: {type: NodePort, selector: {a: b}, externalTrafficPolicy: Local, "
        "ports: [{port: 80, nodePort: 30080}]}}",
        f"dexAuthenticators: {{d: {{{DEX}, keepUsersLoggedInFor: 1h30m15s, resources: {{limits: {{cpu: 0.5}}}}}}}}",
        """dexAuthenticators:
             d: {applicationDomain: a.example.com, gatewayAPI: {applicationHTTPRouteListenerSetName: edge},
                 additionalApplications: [{domain: b.example.com, gatewayAPI: {httpRouteListenerSetName: edge}}]}""",
    ],
)
def test_what_is_right_has_no_finding(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ingresses: {i: {hosts: a.example.com}}", "values/wrong-type"),
        ("ingresses: {i: {hosts: [a.example.com]}}", "values/wrong-type"),
        (app("autoCreateIngress: true, ingress: true", ""), "values/wrong-type"),
        (app("autoCreateIngress: true, autoCreateCertificate: true, certificate: prod"), "values/wrong-type"),
        (app("autoCreateCertificate: true, certificate: prod", ""), "values/wrong-type"),
        (app("autoCreateHttpRoute: true, httpRoute: {parentRefs: gw}").replace("parentRefs: [{name: gw}]", ""),
         "values/wrong-type"),
        (GENERIC + "httpRoutes: {r: {hostnames: a.example.com, rules: [{filters: [{type: RequestRedirect}]}]}}",
         "values/wrong-type"),
        (GENERIC + "httpRoutes: {r: {hostnames: [a.example.com], rules: x}}", "values/wrong-type"),
        ("services: {s: {selector: {a: b}, ports: 80}}", "values/wrong-type"),
        ("services: {s: {selector: web, ports: [{port: 80}]}}", "values/wrong-type"),
        ("deployments: {a: {containers: {main: {image: a, imageTag: [v1]}}}}", "values/wrong-type"),
        ("persistentVolumeClaims: {p: {accessModes: ReadWriteOnce, size: 1Gi}}", "values/wrong-type"),
        (app("hpa: {maxReplicas: 2, metrics: cpu}"), "values/wrong-type"),
        (app("pdb: {minAvailable: [1], labels: {a: b}}"), "values/wrong-type"),
        (app("migrations: {enabled: true, args: migrate up}"), "values/wrong-type"),
        (app("migrations: {enabled: true, steps: {a: {args: [up]}}}"), "values/wrong-type"),
        (f"dexAuthenticators: {{d: {{{DEX.replace('nginx', '[nginx]')}}}}}", "values/wrong-type"),
    ],
)  # fmt: skip
def test_what_is_written_wrong_is_not_missing_too(text: str, code: str) -> None:
    assert find(text) == [("error", code)]


def test_a_misspelt_key_is_recognised_among_the_many_of_a_cron_job() -> None:
    tree, _ = parse_yaml(cron("schedule: '@daily', concurencyPolicy: Forbid, shedule: x"), "values.yaml")
    hints = [problem.hint for problem in parse_application(tree).problems]
    assert hints == ["did you mean 'concurrencyPolicy'?", "did you mean 'schedule'?"]


@pytest.mark.parametrize("data", [f"data: {{a: {'x' * 1048576}}}", f"binaryData: {{a: {'AAAA' * 349525}AA==}}"])
def test_a_config_that_is_just_as_large_as_it_may_be_is_none_too_large(data: str) -> None:
    assert find(f"configs: {{c: {{{data}}}}}") == []


USES = (
    "deployments: {a: {containers: {main: {image: x, imageTag: '1', envFrom: [{type: secret, configName: c}], "
    "env: [{name: A, valueFrom: {secretKeyRef: {name: c, key: k}}}]}}}}\n"
)


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        ("c: {type: secret, external: true}", []),
        ("c: {type: secret, external: true, keys: [k]}", []),
        ("c: {type: secret, external: true, keys: [j]}", [("error", "references/unknown-key")]),
        ("c: {external: true}", [("error", "references/wrong-kind")] * 2),
        ("other: {name: c, type: secret, data: {k: v}}", []),
        ("other: {name: c, type: secret, data: {k: v}}, c: {data: {}}", []),
        ("c: {name: other, type: secret, data: {k: v}}", [("warning", "references/unknown-config")]),
        ("c: {name: Other, type: secret, data: {}}",
         [("error", "names/invalid"), ("warning", "references/unknown-config")]),
        ("c: {type: secret, data: {k: v}}, d: {type: secret, name: c, data: {}}", [("error", "names/duplicate")]),
        ("c: {type: secret, external: true, data: {k: v}}", [("error", "values/contradiction")]),
        ("c: {type: secret, external: true, secretType: Opaque}", [("error", "values/contradiction")]),
        ("c: {type: secret, keys: [k], data: {k: v}}", [("error", "values/contradiction")]),
    ],
)  # fmt: skip
def test_configs_may_share_a_name_and_be_made_by_others(config: str, codes: list[tuple[str, str]]) -> None:
    assert sorted(find(f"{USES}configs: {{{config}}}\n")) == sorted(codes)


def test_what_nobody_makes_is_a_warning_at_the_first_of_its_places() -> None:
    text = USES.replace("a:", "b:", 1) + "jobs: {j: {volumes: [{name: v, secret: {secretName: c}}], " + MAIN + "}}\n"
    tree, _ = parse_yaml(text, "values.yaml")
    (problem,) = parse_application(tree).problems
    assert problem.message == (
        "deployments.b.containers.main.env[0].valueFrom.secretKeyRef.name names the Secret 'c', which these values do "
        "not contain; it is the first of 3 places"
    )
    assert problem.hint == (
        "it must exist where the release runs; if so, write configs: {c: {type: secret, external: true}}"
    )


@pytest.mark.parametrize(
    ("ingress", "codes"),
    [
        ("hosts: [{host: ''}]", []),
        ("hosts: [{host: '', paths: [{path: /a}]}, {host: b.c, paths: [{path: /a}]}]", []),
        ("hosts: [{host: ''}, {host: ''}]", []),
        ("hosts: [{host: '', subdomain: x}]", [("error", "hosts/no-domain")]),
        ("hosts: [{}]", [("error", "hosts/no-domain")]),
        ("hosts: [{host: ''}], defaultBackend: {service: {name: web, port: {number: 80}}}",
         [("warning", "references/unknown-service")]),
        ("defaultBackend: {service: {name: app, port: {name: web}}}", [("error", "references/unknown-port")]),
        ("rules: [{http: {paths: [{path: /, pathType: Exact, backend: {service: {name: app, port: {number: 81}}}}]}}]",
         [("warning", "references/unknown-port")]),
        ("hosts: [{host: a.b, paths: [{path: /, backend: {service: {name: ap, port: {number: 80}}}}]}]",
         [("warning", "references/unknown-service")]),
        ("defaultBackend: {resource: {apiGroup: a, kind: B, name: c}}", []),
    ],
)  # fmt: skip
def test_ingresses_for_all_hosts_and_their_backends(ingress: str, codes: list[tuple[str, str]]) -> None:
    assert find(f"{app('replicas: 1', '')}ingresses: {{app: {{{ingress}}}}}\n") == codes


def test_an_empty_host_is_not_the_general_domain() -> None:
    assert find(app("replicas: 1") + "ingresses: {app: {hosts: [{host: ''}]}}\n") == [("warning", "hosts/all")]
