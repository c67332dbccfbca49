"""Where the chart of the same name breaks its own documentation, outside deployments and migrations.

The numbers are those of its list of defects.
"""

import base64
from collections.abc import Callable

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.manifest.flavors import Flavor, flavor_objects
from ks_universal.manifest.yaml import write_yaml
from ks_universal.metadata_keys import JOB_DIGEST
from ks_universal.model.parse import parse_application
from ks_universal.resources.build import build_objects
from ks_universal.resources.objects import Rendered
from ks_universal.values.parse import parse_yaml

Render = Callable[[str], Rendered]
Find = Callable[[str, str, str], Json]

GENERIC = """
generic:
  ingressesGeneral: {domain: my-company.com}
  httpRoutesGeneral: {parentRefs: [{name: gw}]}
"""
PORTS = "ports: {http: {containerPort: 8080, servicePort: 80}}"


def app(*lines: str, ports: str = PORTS, generic: str = GENERIC) -> str:
    """Write an application whose Service has port 80, named `http`."""
    settings = "".join(f"    {line}\n" for line in ("autoCreateService: true", *lines))
    return f"{generic}deployments:\n  app:\n{settings}    containers: {{main: {{image: a, imageTag: v1, {ports}}}}}\n"


def problems(text: str) -> tuple[Problem, ...]:
    tree, syntax = parse_yaml(text, "values.yaml")
    return (*syntax, *parse_application(tree).problems)


def kinds(rendered: Rendered) -> list[str]:
    return [resource.body["kind"] for resource in rendered.objects]


def test_d03_a_job_gets_no_probes_and_no_lifecycle_of_deployments(render_object: Find) -> None:
    general = "deploymentsGeneral: {lifecycle: {preStop: {sleep: {seconds: 5}}}, probes: {livenessProbe: {exec: {}}}}\n"
    values = f"{general}jobs: {{j: {{containers: {{main: {{image: a, imageTag: v1}}}}}}}}"
    (container,) = render_object(values, "Job", "j")["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "main", "image": "a:v1"}


def test_d04_each_standalone_ingress_is_a_document_of_its_own(render: Render) -> None:
    rendered = render("ingresses: {a: {hosts: [{host: a.x.com}]}, b: {hosts: [{host: b.x.com}]}}")
    documents = write_yaml(flavor_objects(rendered, Flavor.PLAIN)).split("---\n")
    assert [document.count("kind: Ingress") for document in documents] == [1, 1]


def test_d06_d43_d57_a_route_keeps_its_zero_weight_and_everything_else_that_it_says(render_object: Find) -> None:
    rule = (
        "matches: [{method: GET, headers: [{name: x, value: '1'}]}], timeouts: {request: 5s}, "
        "filters: [{type: URLRewrite, urlRewrite: {hostname: b.com}}], "
        "backendRefs: [{name: app, weight: 0}, {name: new, namespace: next, port: 81, weight: 100}]"
    )
    values = app("autoCreateHttpRoute: true", f"httpRoute: {{rules: [{{{rule}}}]}}")
    (built,) = render_object(values, "HTTPRoute", "app")["spec"]["rules"]
    assert built == {
        "matches": [{"method": "GET", "headers": [{"name": "x", "value": "1"}]}],
        "timeouts": {"request": "5s"},
        "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "b.com"}}],
        "backendRefs": [
            {"name": "app", "port": 80, "weight": 0},
            {"name": "new", "port": 81, "weight": 100, "namespace": "next"},
        ],
    }


@pytest.mark.parametrize("section", ["jobs", "cronJobs"])
def test_d07_no_retries_of_a_job_means_no_retries(render_object: Find, section: str) -> None:
    values = f"""
{section}:
  j: {{schedule: "@daily", backoffLimit: 0, containers: {{main: {{image: a, imageTag: v1}}}}}}
"""
    if section == "jobs":
        values = values.replace('schedule: "@daily", ', "")
    body = render_object(values, "Job" if section == "jobs" else "CronJob", "j")["spec"]
    assert body.get("jobTemplate", {"spec": body})["spec"]["backoffLimit"] == 0


def test_d10_requests_go_to_the_port_called_http_and_not_to_a_side_containers(render_object: Find) -> None:
    values = f"""{GENERIC}
deployments:
  app:
    autoCreateService: true
    autoCreateIngress: true
    autoCreateHttpRoute: true
    containers:
      agent: {{image: a, imageTag: v1, ports: {{debug: {{containerPort: 1}}}}}}
      main: {{image: a, imageTag: v1, ports: {{admin: {{containerPort: 2}}, http: {{containerPort: 3}}}}}}
"""
    (rule,) = render_object(values, "Ingress", "app")["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"]["port"] == {"name": "http"}
    assert render_object(values, "HTTPRoute", "app")["spec"]["rules"][0]["backendRefs"][0]["port"] == 3
    unnamed = values.replace("http:", "web:")
    (rule,) = render_object(unnamed, "Ingress", "app")["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"]["port"] == {"name": "admin"}


def test_d11_a_route_leads_to_a_port_that_the_service_has(render_object: Find) -> None:
    values = app("autoCreateHttpRoute: true")
    (port,) = render_object(values, "Service", "app")["spec"]["ports"]
    (rule,) = render_object(values, "HTTPRoute", "app")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "app", "port": port["port"]}] == [{"name": "app", "port": 80}]


def test_d14_a_value_that_is_missing_is_a_finding_and_no_other_image() -> None:
    # Without the value the first would be no image, and the second another one.
    for image in ("{{ .Values.registry }}/app", "{{ .Values.prefix }}app"):
        found = problems(app().replace("image: a,", f"image: '{image}',"))
        assert [(p.code, p.severity.value) for p in found] == [("expressions/missing-value", "error")]


def test_d15_the_documented_blue_green_service_reaches_the_chosen_version(render_object: Find) -> None:
    values = """
deployments:
  blue: {containers: {main: {image: a, imageTag: v1, ports: {http: {containerPort: 80}}}}}
  green: {containers: {main: {image: a, imageTag: v2, ports: {http: {containerPort: 80}}}}}
services: {app: {selector: {deployment: blue}, ports: [{name: http, port: 80, targetPort: http}]}}
"""
    selector = render_object(values, "Service", "app")["spec"]["selector"]
    pods = {
        name: render_object(values, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
        for name in ("blue", "green")
    }
    assert [name for name, labels in pods.items() if selector.items() <= labels.items()] == ["blue"]


def test_d16_an_unknown_group_is_a_finding_also_where_there_are_no_groups() -> None:
    for groups in ("", "secretRefs: {}\n", "secretRefs: {other: []}\n"):
        values = app(ports="secretRefs: [db]") + groups
        assert [p.code for p in problems(values) if p.severity == "error"] == ["references/unknown-group"]


def test_d19_a_monitors_own_labels_win_and_the_general_interval_always_counts(render_object: Find) -> None:
    generic = "generic: {serviceMonitorGeneral: {interval: 30s, labels: {prometheus: all, tier: x}}}\n"
    quick = render_object(app("autoCreateServiceMonitor: true", generic=generic), "ServiceMonitor", "app")
    assert quick["spec"]["endpoints"] == [{"port": "http", "interval": "30s"}]
    own = app("serviceMonitor: {labels: {prometheus: own}}", generic=generic)
    labels = render_object(own, "ServiceMonitor", "app")["metadata"]["labels"]
    assert (labels["prometheus"], labels["tier"]) == ("own", "x")


@pytest.mark.parametrize(
    ("config", "limits"),
    [
        ("{maxUnavailable: 0}", {"maxUnavailable": 0}),
        ("{minAvailable: 0}", {"minAvailable": 0}),
        ("{labels: {a: b}}", {"maxUnavailable": 1}),
        ("{minAvailable: 50%}", {"minAvailable": "50%"}),
    ],
)
def test_d20_a_budget_always_has_exactly_the_limit_that_is_meant(
    render_object: Find, config: str, limits: Json
) -> None:
    spec = render_object(app("autoCreatePdb: true", f"pdbConfig: {config}"), "PodDisruptionBudget", "app")["spec"]
    assert {key: value for key, value in spec.items() if key != "selector"} == limits
    both = problems(app("pdb: {minAvailable: 1, maxUnavailable: 1}"))
    assert [p.code for p in both] == ["values/contradiction"]


def test_d21_d22_words_switch_and_name_what_they_say(render: Render) -> None:
    values = app('autoCreatePdb: "false"', 'autoCreateIngress: "false"', "podAnnotations: {on: yes, n: off}")
    rendered = render(values)
    assert kinds(rendered) == ["Service", "Deployment"]
    annotations = rendered.objects[-1].body["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"on": "yes", "n": "off"}


def test_d23_a_second_section_of_the_same_name_is_a_finding() -> None:
    values = "deployments: {a: {containers: {m: {image: 'a:1'}}}}\ndeployments: {b: {containers: {m: {image: 'a:1'}}}}"
    assert [p.code for p in problems(values)] == ["values/duplicate-key"]


def test_d25_the_documented_application_with_postgresql_can_be_installed(render: Render) -> None:
    rendered = render("""
deployments:
  postgresql:
    autoCreateService: true
    containers: {main: {image: postgres, imageTag: "17", ports: {postgresql: {containerPort: 5432}}}}
  app:
    migrations:
      enabled: true
      args: [migrate, up]
      dependsOn: [postgresql]
      initContainers: [{name: wait-for-db, image: alpine, command: [nc, -z, postgresql, "5432"]}]
    containers: {main: {image: my-app, imageTag: v1.0.0}}
""")
    bodies = flavor_objects(rendered, Flavor.PLAIN)
    assert [body["kind"] for body in bodies] == ["Service", "Deployment", "Job", "Deployment"]
    assert [body["metadata"]["name"] for body in bodies if body["kind"] != "Job"] == ["postgresql", "postgresql", "app"]
    (wait,) = bodies[2]["spec"]["template"]["spec"]["initContainers"]
    assert wait["name"] == "wait-for-db"


@pytest.mark.parametrize("section", ["jobs: {j: {", "cronJobs: {j: {schedule: '@daily', "])
def test_d26_the_account_that_a_job_asks_for_is_made_and_no_other_is_named(render: Render, section: str) -> None:
    def pod(job: Json) -> Json:
        spec: Json = job["spec"].get("jobTemplate", job)["spec"]["template"]["spec"]
        return spec

    asked = f"{section}autoCreateServiceAccount: true, containers: {{main: {{image: a, imageTag: v1}}}}}}}}"
    account, job = (resource.body for resource in render(asked).objects)
    assert account["metadata"]["name"] == pod(job)["serviceAccountName"] == "j"
    (job,) = (resource.body for resource in render(asked.replace("true", "false")).objects)
    assert "serviceAccountName" not in pod(job)


def test_d28_a_built_in_label_cannot_be_set() -> None:
    for line in ("labels: {app.kubernetes.io/name: x}", "hpa: {labels: {app.kubernetes.io/instance: x}}"):
        assert "names/built-in-label" in [p.code for p in problems(app(line))]


def test_d30_a_job_says_what_it_runs_so_that_another_one_can_replace_it(render: Render) -> None:
    values = "jobs: {j: {ttlSecondsAfterFinished: 0, containers: {main: {image: a, imageTag: %s}}}}"

    def job(tag: str, flavor: Flavor, more: str = "") -> Json:
        (body,) = flavor_objects(render((values % tag) + more), flavor)
        metadata: Json = body["metadata"]
        return metadata

    plain = [job(tag, Flavor.PLAIN)["annotations"][JOB_DIGEST] for tag in ("v1", "v1", "v2")]
    assert plain[0] == plain[1] != plain[2]
    for flavor in (Flavor.PLAIN, Flavor.HELM, Flavor.ARGOCD):
        names = [job(tag, flavor)["name"] for tag in ("v1", "v1", "v2")]
        assert names[0] == names[1] != names[2]


def test_d31_no_object_has_an_empty_field(render: Render) -> None:
    values = app("autoCreateIngress: true", "ingress: {hosts: [{subdomain: a}]}", "autoCreateServiceMonitor: true")
    assert "null" not in write_yaml(flavor_objects(render(values), Flavor.PLAIN))
    without_ports = app("autoCreateIngress: true", "autoCreateServiceMonitor: true", ports="")
    assert [p.code for p in problems(without_ports) if p.severity == "error"] == ["references/unknown-port"] * 2


def test_d32_one_field_of_one_probe_is_overridden(render_object: Find) -> None:
    values = f"""
deploymentsGeneral:
  probes:
    livenessProbe: {{httpGet: {{path: /health, port: http}}}}
    readinessProbe: {{httpGet: {{path: /ready, port: http}}}}
{app(ports=PORTS + ", probes: {livenessProbe: {httpGet: {path: /custom-health}}}", generic="")}"""
    (container,) = render_object(values, "Deployment", "app")["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"] == {"httpGet": {"path": "/custom-health", "port": "http"}}
    assert container["readinessProbe"] == {"httpGet": {"path": "/ready", "port": "http"}}


def test_d33_an_auto_route_is_attached_and_leads_somewhere(render_object: Find) -> None:
    spec = render_object(app("autoCreateHttpRoute: true"), "HTTPRoute", "app")["spec"]
    assert spec == {
        "parentRefs": [{"name": "gw"}],
        "hostnames": ["app.my-company.com"],
        "rules": [{"backendRefs": [{"name": "app", "port": 80}]}],
    }
    detached = app("autoCreateHttpRoute: true", generic="generic: {ingressesGeneral: {domain: x.com}}\n")
    assert [p.code for p in problems(detached)] == ["values/missing-key"]


def test_d34_an_authenticator_and_its_certificate_live_together_and_must_exist(render_object: Find) -> None:
    values = """
generic:
  dexAuthenticatorGeneral:
    {enabled: true, namespace: auth, applicationDomain: a.x.com, applicationIngressClassName: nginx,
     autoCreateCertificate: true}
ingresses: {i: {dexAuthenticator: {enabled: true}, hosts: [{host: i.x.com}]}}
"""
    certificate = render_object(values, "Certificate", "ks-universal")
    dex = render_object(values, "DexAuthenticator", "ks-universal")
    assert (certificate["metadata"]["namespace"], dex["metadata"]["namespace"]) == ("auth", "auth")
    assert dex["spec"]["applicationIngressCertificateSecretName"] == certificate["spec"]["secretName"]
    url = render_object(values, "Ingress", "i")["metadata"]["annotations"]["nginx.ingress.kubernetes.io/auth-url"]
    assert url == "https://ks-universal-dex-authenticator.auth.svc.cluster.local/dex-authenticator/auth"
    alone = "ingresses: {i: {dexAuthenticator: {enabled: true}, hosts: [{host: i.x.com}]}}"
    assert "references/unknown-authenticator" in [p.code for p in problems(alone)]


def test_d35_labels_annotations_arguments_and_selectors_are_texts(render_object: Find) -> None:
    values = app(
        "labels: {build: 0644}", "annotations: {on: true}", "nodeSelector: {gpu: true}", ports="args: [--n, 1.10, yes]"
    )
    deployment = render_object(values, "Deployment", "app")
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["metadata"]["labels"]["build"] == "0644"
    assert deployment["metadata"]["annotations"] == {"on": "true"}
    assert pod["containers"][0]["args"] == ["--n", "1.10", "yes"]
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0]["values"] == ["true"]


def test_d36_an_ingress_can_be_asked_for_without_saying_more(render_object: Find) -> None:
    values = app("autoCreateIngress: true")
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "app", "port": {"name": "http"}}}}
    host, anywhere = (
        render_object(text, "Ingress", "app")["spec"]["rules"]
        for text in (values, values.replace("{domain: my-company.com}", "{}"))
    )
    assert host == [{"host": "app.my-company.com", "http": {"paths": [path]}}]
    assert anywhere == [{"http": {"paths": [path]}}]


def test_d37_a_budget_can_be_asked_for_without_saying_more(render_object: Find) -> None:
    spec = render_object(app("autoCreatePdb: true"), "PodDisruptionBudget", "app")["spec"]
    assert spec["maxUnavailable"] == 1


def test_d38_a_monitor_can_be_written_without_the_flag(render_object: Find) -> None:
    values = app("serviceMonitor: {path: /m, interval: 15s}")
    endpoints = render_object(values, "ServiceMonitor", "app")["spec"]["endpoints"]
    assert endpoints == [{"port": "http", "path": "/m", "interval": "15s"}]


@pytest.mark.parametrize("host", ["app.my-company.com", "api.v2.example.com", "x.k8s.example.com", "*.example.com"])
def test_d39_any_host_name_is_taken(render_object: Find, host: str) -> None:
    (rule,) = render_object(f"ingresses: {{i: {{hosts: [{{host: '{host}'}}]}}}}", "Ingress", "i")["spec"]["rules"]
    assert rule["host"] == host


def test_d40_numbers_are_numbers_written_or_quoted(render_object: Find) -> None:
    values = app('strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: "0"}}', 'pdb: {minAvailable: "1"}')
    rolling = render_object(values, "Deployment", "app")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 1, "maxUnavailable": 0}
    assert render_object(values, "PodDisruptionBudget", "app")["spec"]["minAvailable"] == 1


def test_d41_any_scalar_is_a_value_of_a_secret_and_of_the_environment(render_object: Find) -> None:
    values = app(ports='env: [{name: A, value: ""}, {name: B, value: 0}, {name: C, value: false}]')
    values += "configs: {s: {type: secret, data: {PORT: 5432, DEBUG: false, EMPTY: ''}}}"
    (container,) = render_object(values, "Deployment", "app")["spec"]["template"]["spec"]["containers"]
    assert [variable["value"] for variable in container["env"]] == ["", "0", "false"]
    data = render_object(values, "Secret", "s")["data"]
    assert [base64.b64decode(value) for value in data.values()] == [b"5432", b"false", b""]


def test_d42_braces_that_are_no_expression_are_kept(render_object: Find) -> None:
    texts = ["{% if x %}a{% endif %}", "${HOME}", '{"a": {"b": 1}}', "{# note #}", "}}"]
    env = "".join(f"{{name: V{n}, value: '{text}'}}, " for n, text in enumerate(texts))
    (container,) = render_object(app(ports=f"env: [{env}]"), "Deployment", "app")["spec"]["template"]["spec"][
        "containers"
    ]
    assert [variable["value"] for variable in container["env"]] == texts


def test_d44_d45_text_with_any_characters_is_read_back_as_it_was_written(render_object: Find) -> None:
    data = {"a": "  indented\nfirst: {{ line }}\n", "b": "x: y # z", "c": "{{ .Values.x }}", "d": "\ttab\n"}
    lines = "".join(f"      {key}: {value!r}\n".replace("'", '"') for key, value in data.items())
    assert render_object(f"configs:\n  c:\n    data:\n{lines}", "ConfigMap", "c")["data"] == data


def test_d46_the_forms_of_the_schema_reference_are_taken(render_object: Find) -> None:
    values = """
configs: {c: {data: {app.properties: "a=1", binaryData: {logo.png: SGVsbG8gV29ybGQ=}}}}
persistentVolumeClaims: {p: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}, volumeMode: Block}}
"""
    config = render_object(values, "ConfigMap", "c")
    assert (config["data"], config["binaryData"]) == ({"app.properties": "a=1"}, {"logo.png": "SGVsbG8gV29ybGQ="})
    claim = render_object(values, "PersistentVolumeClaim", "p")["spec"]
    assert (claim["resources"], claim["volumeMode"]) == ({"requests": {"storage": "10Gi"}}, "Block")


def test_d47_the_certificate_of_the_faq_is_made(render_object: Find) -> None:
    values = app("autoCreateIngress: true", "autoCreateCertificate: true", "certificate: {clusterIssuer: prod}")
    spec = render_object(values, "Certificate", "app")["spec"]
    assert (spec["dnsNames"], spec["issuerRef"]["name"]) == (["app.my-company.com"], "prod")
    tls = render_object(values, "Ingress", "app")["spec"]["tls"]
    assert tls == [{"secretName": spec["secretName"], "hosts": spec["dnsNames"]}]
    own = app("autoCreateCertificate: true", "certificate: {domains: [a.com], secretName: s}")
    spec = render_object(own, "Certificate", "app")["spec"]
    assert (spec["dnsNames"], spec["secretName"]) == (["a.com"], "s")


def test_d48_empty_sections_are_nothing_and_names_are_only_names(render: Render) -> None:
    sections = ("generic", "deployments", "jobs", "cronJobs", "ingresses", "httpRoutes", "services", "configs", "hpas")
    assert render("".join(f"{section}:\n" for section in sections)).objects == ()
    assert kinds(render("ingresses: {ingresses: {hosts: [{host: a.com}]}}")) == ["Ingress"]
    assert [p.code for p in problems("deployments: {app: ~}")] == ["values/empty"]


def test_d50_d51_d53_every_field_of_kubernetes_is_taken_at_its_place(render_object: Find) -> None:
    values = """
deploymentsGeneral:
  lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
  autoCreateServiceMonitor: true
""" + app(
        "namespace: other",
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]",
        "initContainers: {setup: {image: busybox}}",
        ports=PORTS + ", imagePullPolicy: Always, tty: true, envFrom: [{type: secret, configName: s, optional: true}]",
    )
    deployment = render_object(values, "Deployment", "app")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert deployment["metadata"]["namespace"] == "other"
    assert render_object(values, "ServiceMonitor", "app")["metadata"]["namespace"] == "other"
    (constraint,) = pod["topologySpreadConstraints"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert constraint["maxSkew"] == 1
    assert constraint["labelSelector"]["matchLabels"].items() <= labels.items()
    assert pod["initContainers"] == [{"name": "setup", "image": "busybox"}]
    assert (container["imagePullPolicy"], container["tty"]) == ("Always", True)
    assert container["envFrom"] == [{"secretRef": {"name": "s", "optional": True}}]
    assert container["lifecycle"] == {"preStop": {"exec": {"command": ["sleep", "5"]}}}


def test_d52_policies_quotas_autoscalers_and_authenticators_are_made(render: Render) -> None:
    rendered = render("""
networkPolicies:
  app:
    spec: {podSelector: {matchLabels: {app.kubernetes.io/name: my-app}}, policyTypes: [Ingress, Egress]}
resourceQuotas: {q: {hard: {requests.cpu: "4"}}}
hpas:
  h:
    scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: x}
    maxReplicas: 3
    metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
dexAuthenticators: {d: {applicationDomain: a.com, applicationIngressClassName: nginx}}
""")
    assert kinds(rendered) == ["ResourceQuota", "NetworkPolicy", "HorizontalPodAutoscaler", "DexAuthenticator"]
    assert rendered.objects[1].body["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert [(p.code, p.hint) for p in problems("deployment: {}")] == [
        ("values/unknown-key", "did you mean 'deployments'?")
    ]


def test_d51_ports_mounts_and_sources_of_variables_say_all_that_kubernetes_knows(render_object: Find) -> None:
    port = "ports: {http: {containerPort: 80, hostPort: 8080}}"
    mount = "volumeMounts: [{name: v, mountPath: /v, mountPropagation: HostToContainer, subPathExpr: $(HOSTNAME)}]"
    source = "envFrom: [{type: configMap, configName: c, prefix: C_}]"
    values = app("volumes: [{name: v, emptyDir: {}}]", ports=f"{port}, {mount}, {source}")
    (container,) = render_object(values, "Deployment", "app")["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 80, "protocol": "TCP", "hostPort": 8080}]
    assert container["volumeMounts"] == [
        {"name": "v", "mountPath": "/v", "mountPropagation": "HostToContainer", "subPathExpr": "$(HOSTNAME)"}
    ]
    assert container["envFrom"] == [{"prefix": "C_", "configMapRef": {"name": "c"}}]


def test_d54_monitors_and_the_certificate_of_an_authenticator_have_the_generic_labels(render: Render) -> None:
    dex = "{applicationDomain: a.com, applicationIngressClassName: n, autoCreateCertificate: true}"
    generic = "generic: {labels: {team: shop}, annotations: {docs: here}}\n"
    values = app("autoCreateServiceMonitor: true", generic=generic) + f"dexAuthenticators: {{d: {dex}}}"
    found = [resource.body["metadata"] for resource in render(values).objects]
    assert len(found) == 5
    assert {(metadata["labels"]["team"], metadata["annotations"]["docs"]) for metadata in found} == {("shop", "here")}


def test_d55_a_service_can_say_all_that_kubernetes_knows(render_object: Find) -> None:
    values = "services: {a: {type: ExternalName, externalName: db.x.com}, b: {clusterIP: None, selector: {a: b}}}"
    assert render_object(values, "Service", "a")["spec"] == {"type": "ExternalName", "externalName": "db.x.com"}
    assert render_object(values, "Service", "b")["spec"]["clusterIP"] == "None"
    auto = app("serviceConfig: {annotations: {nlb: 'yes'}, sessionAffinity: ClientIP}")
    service = render_object(auto, "Service", "app")
    assert (service["metadata"]["annotations"], service["spec"]["sessionAffinity"]) == ({"nlb": "yes"}, "ClientIP")


def test_d56_configs_hold_binary_data_and_other_secrets(render_object: Find) -> None:
    values = """
configs:
  files: {type: configMap, immutable: true, binaryData: {a.bin: AAEC}}
  tls: {type: secret, secretType: kubernetes.io/tls, stringData: {tls.crt: a}, data: {tls.key: b}}
"""
    files, tls = render_object(values, "ConfigMap", "files"), render_object(values, "Secret", "tls")
    assert (files["binaryData"], files["immutable"]) == ({"a.bin": "AAEC"}, True)
    assert (tls["type"], tls["data"]) == ("kubernetes.io/tls", {"tls.key": "Yg==", "tls.crt": "YQ=="})


def test_d57_what_jobs_monitors_accounts_and_ingress_paths_say_is_heard(render_object: Find) -> None:
    values = app(
        "serviceAccount: {create: false, name: own}",
        "autoCreateIngress: true",
        "ingress: {hosts: [{subdomain: a, paths: [{path: /api, service: api, port: 81}]}]}",
        "serviceMonitor: {endpoints: [{targetPort: 9090, honorTimestamps: false, params: {a: [b]}}]}",
    )
    values += "jobs: {j: {ttlSecondsAfterFinished: 100, completionMode: Indexed, suspend: true, "
    values += "containers: {main: {image: a, imageTag: v1}}}}"
    job = render_object(values, "Job", "j")["spec"]
    assert (job["ttlSecondsAfterFinished"], job["completionMode"], job["suspend"]) == (100, "Indexed", True)
    assert render_object(values, "Deployment", "app")["spec"]["template"]["spec"]["serviceAccountName"] == "own"
    (rule,) = render_object(values, "Ingress", "app")["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "api", "port": {"number": 81}}
    (endpoint,) = render_object(values, "ServiceMonitor", "app")["spec"]["endpoints"]
    assert endpoint == {"targetPort": 9090, "honorTimestamps": False, "params": {"a": ["b"]}}


def test_d58_rendering_changes_no_values() -> None:
    general = GENERIC.rstrip() + "\n  labels: {team: shop}\n"
    ingress = "ingress: {labels: {b: c}, annotations: {d: e}, hosts: [{subdomain: a}]}"
    values = app("autoCreateIngress: true", ingress, "autoCreateCertificate: true", "labels: {a: b}", generic=general)
    application = parse_application(parse_yaml(values, "values.yaml")[0]).application
    assert application is not None
    before = repr(application)
    first, second = (build_objects(application, "demo", "") for _ in range(2))
    assert [resource.body for resource in first.objects] == [resource.body for resource in second.objects]
    assert repr(application) == before


def test_d59_every_document_begins_on_a_line_of_its_own(render: Render) -> None:
    dex = "dexAuthenticators: {a: {applicationDomain: a.com, applicationIngressClassName: n}, b: {applicationDomain: "
    text = write_yaml(flavor_objects(render(dex + "b.com, applicationIngressClassName: n}}"), Flavor.PLAIN))
    assert text.split("\n").count("---") == 1
    assert "---a" not in text


@pytest.mark.parametrize(
    "text",
    [
        "deployments: {app: {containers: [{name: main, image: a, imageTag: v1}]}}",
        "deployments: {app: {containers: {on_: {image: a, imageTag: v1}}}}",
        "jobs: {J: {containers: {main: {image: a, imageTag: v1}}}}",
    ],
)
def test_d60_names_are_checked(text: str) -> None:
    (problem,) = problems(text)
    assert problem.code in ("values/wrong-type", "names/invalid")
    assert problem.hint is not None


def test_d60_names_of_digits_stay_names(render_object: Find) -> None:
    assert render_object("deployments: {123: {containers: {on: {image: a, imageTag: v1}}}}", "Deployment", "123")


@pytest.mark.parametrize(
    "text",
    [
        "deployments: {a: {migrations: {enabled: true, args: up}, containers: {main: {image: a, imageTag: v1}}}}",
        "deployments: {a: {containers: {m: {image: a, imageTag: v1, envFrom: [{type: configmap, configName: c}]}}}}",
        "jobs: {j: {parallelism: two, containers: {m: {image: a, imageTag: v1}}}}",
        "jobs: {j: {parallelism: 0, containers: {m: {image: a, imageTag: v1}}}}",
    ],
)
def test_d61_what_kubernetes_would_refuse_is_found(text: str) -> None:
    assert "error" in [p.severity for p in problems(text)]
