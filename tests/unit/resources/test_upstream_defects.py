"""Where the chart of the same name breaks its own documentation; the numbers are those of its list of defects."""

import base64
from collections.abc import Callable

from ks_universal.json_types import Json
from ks_universal.resources.objects import Rendered

Render = Callable[[str], Rendered]
Find = Callable[[str, str, str], Json]

APP = """
deployments:
  app:
    migrations: {enabled: true, args: [migrate, up]}
    containers:
      main:
        image: app
        imageTag: v1
        args: [serve]
"""


def container(pod: Json, name: str = "main") -> Json:
    (found,) = (c for c in pod["containers"] if c["name"] == name)
    return dict(found)


def test_d01_migration_args_win_and_side_containers_do_not_get_them(render_pod: Find) -> None:
    values = APP + "      side: {image: side, imageTag: v1}\n"
    assert [(c["name"], c["args"]) for c in render_pod(values, "Job", "app-migrations")["containers"]] == [
        ("main", ["migrate", "up"])
    ]
    deployed = render_pod(values, "Deployment", "app")
    assert (container(deployed)["args"], "args" in container(deployed, "side")) == (["serve"], False)


def test_d02_each_step_is_a_job_in_the_order_written(render: Render) -> None:
    steps = "steps: [{name: schema, args: [a]}, {name: data, args: [b]}]"
    rendered = render(APP.replace("args: [migrate, up]", steps))
    jobs = [(m.body["metadata"]["name"], container(m.body["spec"]["template"]["spec"])) for m in rendered.migrations]
    assert [(name, c["args"]) for name, c in jobs] == [("app-migrations-schema", ["a"]), ("app-migrations-data", ["b"])]


def test_d03_probes_ports_and_lifecycle_stay_out_of_the_migration(render_pod: Find) -> None:
    values = f"""{APP}
        ports: {{http: {{containerPort: 80}}}}
        lifecycle: {{preStop: {{sleep: {{seconds: 5}}}}}}
        startupProbe: {{tcpSocket: {{port: 80}}}}
        probes: {{livenessProbe: {{tcpSocket: {{port: 80}}}}}}
deploymentsGeneral:
  probes: {{readinessProbe: {{tcpSocket: {{port: 80}}}}}}
"""
    deployed = container(render_pod(values, "Deployment", "app"))
    assert {"ports", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe"} <= deployed.keys()
    assert container(render_pod(values, "Job", "app-migrations")).keys() == {"name", "image", "args"}


def test_d05_configuration_is_part_of_the_release_and_no_hook(render: Render) -> None:
    rendered = render(APP + "configs: {c: {type: secret, data: {a: b}}, m: {type: configMap, data: {a: b}}}")
    kept = [r.body for r in rendered.objects if r.body["kind"] in ("Secret", "ConfigMap")]
    assert ["annotations" in body["metadata"] for body in kept] == [False, False]


def test_d07_no_retries_means_no_retries(render: Render) -> None:
    (migration,) = render(APP.replace("up]", "up], backoffLimit: 0")).migrations
    assert (migration.retries, migration.body["spec"]["backoffLimit"]) == (0, 0)


def test_d07_zero_replicas_are_written(render_object: Find) -> None:
    values = APP.replace("    containers:", "    replicas: 0\n    containers:")
    assert render_object(values, "Deployment", "app")["spec"]["replicas"] == 0


def test_d08_empty_values_override_general_ones(render_pod: Find) -> None:
    values = """
deploymentsGeneral:
  securityContext: {runAsNonRoot: true, runAsUser: 1000}
  nodeSelector: {disk: ssd}
  tolerations: [{operator: Exists}]
deployments:
  app:
    securityContext: {runAsNonRoot: false, runAsUser: 0}
    nodeSelector: {}
    tolerations: []
    containers: {main: {image: app, imageTag: v1}}
"""
    pod = render_pod(values, "Deployment", "app")
    assert pod["securityContext"] == {"runAsNonRoot": False, "runAsUser": 0}
    assert pod["tolerations"] == []
    assert "affinity" not in pod


def test_d09_a_node_selector_narrows_every_term_of_the_affinity(render_pod: Find) -> None:
    values = """
deployments:
  app:
    nodeSelector: {pool: web}
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
            - matchExpressions: [{key: zone, operator: In, values: [a]}]
            - matchFields: [{key: metadata.name, operator: In, values: [n]}]
    containers: {main: {image: app, imageTag: v1}}
"""
    affinity = render_pod(values, "Deployment", "app")["affinity"]["nodeAffinity"]
    terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [term["matchExpressions"][-1] for term in terms] == [
        {"key": "pool", "operator": "In", "values": ["web"]}
    ] * 2
    assert len(terms) == 2


def test_d12_whole_numbers_keep_their_digits_as_text(render: Render) -> None:
    values = "configs: {c: {type: configMap, data: {LIMIT: 10485760, BIG: 12345678901234567890}}}"
    assert render(values).objects[0].body["data"] == {"LIMIT": "10485760", "BIG": "12345678901234567890"}


def test_d13_tags_are_the_characters_as_written(render_pod: Find) -> None:
    tags = ("1.10", "2.0", "0123", "1e3", "8e12345", "20240115", "on")
    images = [
        container(render_pod(APP.replace("imageTag: v1", f"imageTag: {t}"), "Deployment", "app"))["image"] for t in tags
    ]
    assert images == [f"app:{tag}" for tag in tags]


def test_d15_a_service_selects_what_it_says(render_object: Find) -> None:
    values = "services: {green: {selector: {app: shop, color: green}, ports: [{port: 80, targetPort: 8080}]}}"
    assert render_object(values, "Service", "green")["spec"]["selector"] == {"app": "shop", "color": "green"}


def test_d16_d17_secret_refs_are_there_before_the_variables_that_use_them(render_pod: Find) -> None:
    values = f"""{APP}
        secretRefs: [db]
        env: [{{name: URL, value: "$(DB_PASS)@db"}}]
secretRefs:
  db: [{{name: DB_PASS, secretKeyRef: {{name: db, key: pass}}}}]
"""
    for kind, name in (("Deployment", "app"), ("Job", "app-migrations")):
        assert [v["name"] for v in container(render_pod(values, kind, name))["env"]] == ["DB_PASS", "URL"]


def test_d18_d22_config_files_and_their_keys_are_kept_exactly(render: Render) -> None:
    data = {"on": "y", "1.10": "no", "0123": "1_000", "crlf": "a\r\nb\r\n", "none": "a\nb", "more": "a\n\n\n"}
    lines = "\n".join(
        f"      {k}: {v}" if k in ("on", "1.10", "0123") else f"      {k}: {v!r}".replace("'", '"')
        for k, v in data.items()
    )
    config = render(f"configs:\n  c:\n    type: configMap\n    data:\n{lines}\n").objects[0].body
    assert config["data"] == data
    secret = render(f"configs:\n  c:\n    type: secret\n    data:\n{lines}\n").objects[0].body
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == data


def test_d21_the_text_false_switches_nothing_on(render: Render) -> None:
    values = """
deployments:
  app:
    migrations: {enabled: "false", args: [migrate]}
    autoCreateService: "false"
    autoCreateServiceAccount: "false"
    containers: {main: {image: app, imageTag: v1, ports: {http: {containerPort: 80}}}}
"""
    rendered = render(values)
    assert ([r.body["kind"] for r in rendered.objects], rendered.migrations) == (["Deployment"], ())


def test_d24_what_a_migration_needs_comes_with_the_release_and_first(render: Render) -> None:
    values = f"""{APP}
        volumeMounts: [{{name: data, mountPath: /data}}]
    autoCreateServiceAccount: true
    volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]
persistentVolumeClaims: {{data: {{accessModes: [ReadWriteOnce], size: 1Gi}}}}
"""
    kinds = [r.body["kind"] for r in render(values).objects]
    assert kinds == ["ServiceAccount", "PersistentVolumeClaim", "Deployment"]


def test_d27_the_account_is_made_under_the_name_that_the_pods_use(render: Render) -> None:
    written = APP.replace("    containers:", "    autoCreateServiceAccount: true\n    containers:")
    named = written.replace("    containers:", "    serviceAccountName: own\n    containers:")
    for values, name in ((written, "app"), (named, "own"), (f"{written}\ngeneric: {{serviceAccountName: all}}", "all")):
        bodies = {r.body["kind"]: r.body for r in render(values).objects}
        assert bodies["ServiceAccount"]["metadata"]["name"] == name
        assert bodies["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == name


def test_d29_ports_of_one_name_in_two_containers_are_told_apart(render_object: Find) -> None:
    values = """
deployments:
  app:
    autoCreateService: true
    containers:
      main: {image: app, imageTag: v1, ports: {http: {containerPort: 80}}}
      side: {image: app, imageTag: v1, ports: {http: {containerPort: 81}}}
"""
    ports = render_object(values, "Service", "app")["spec"]["ports"]
    assert [(port["name"], port["port"]) for port in ports] == [("http", 80), ("side-http", 81)]


def test_d49_everything_that_a_migration_says_of_itself_is_heard(render_object: Find) -> None:
    values = APP.replace(
        "args: [migrate, up]",
        """args: [up], command: [/migrate], image: migrator, imageTag: v2, timeout: 10m, serviceAccount: owner,
      env: [{name: A, value: "1"}], resources: {limits: {cpu: 1}}, annotations: {a: b}, labels: {l: m},
      initContainers: [{name: wait, image: "busybox:1"}]""",
    )
    job = render_object(values, "Job", "app-migrations")
    pod = job["spec"]["template"]["spec"]
    assert container(pod) == {
        "name": "main",
        "image": "migrator:v2",
        "command": ["/migrate"],
        "args": ["up"],
        "env": [{"name": "A", "value": "1"}],
        "resources": {"limits": {"cpu": "1"}},
    }
    assert [c["name"] for c in pod["initContainers"]] == ["wait"]
    assert (pod["serviceAccountName"], job["spec"]["activeDeadlineSeconds"]) == ("owner", 600)
    assert (job["metadata"]["annotations"], job["metadata"]["labels"]["l"]) == ({"a": "b"}, "m")


def test_d54_generic_labels_and_annotations_reach_every_object(render: Render) -> None:
    values = f"""{APP}
    autoCreateServiceAccount: true
    autoCreateService: true
generic: {{labels: {{team: shop}}, annotations: {{docs: here}}}}
configs: {{c: {{type: secret, data: {{a: b}}}}, m: {{type: configMap, data: {{a: b}}}}}}
services: {{s: {{ports: [{{port: 80, targetPort: 80}}]}}}}
persistentVolumeClaims: {{data: {{accessModes: [ReadWriteOnce], size: 1Gi}}}}
"""
    rendered = render(values)
    bodies = [*(r.body for r in rendered.objects), *(m.body for m in rendered.migrations)]
    assert len(bodies) == 7
    metadata = [
        *(b["metadata"] for b in bodies),
        *(m.body["spec"]["template"]["metadata"] for m in rendered.migrations),
    ]
    assert {(m["labels"]["team"], m["annotations"]["docs"]) for m in metadata} == {("shop", "here")}


def test_d54_what_a_deployment_is_labelled_and_annotated_with_reaches_its_migration(render_object: Find) -> None:
    values = APP.replace("    containers:", "    labels: {own: a}\n    annotations: {note: b}\n    containers:")
    job = render_object(f"{values}\ndeploymentsGeneral: {{labels: {{all: c}}}}", "Job", "app-migrations")
    assert {"own": "a", "all": "c"}.items() <= job["metadata"]["labels"].items()
    assert {"own": "a", "all": "c"}.items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert job["metadata"]["annotations"] == {"note": "b"}


def test_d57_no_storage_class_is_not_the_default_class(render_object: Find) -> None:
    values = "persistentVolumeClaims: {data: {accessModes: [ReadWriteOnce], size: 1Gi, storageClassName: ''}}"
    assert render_object(values, "PersistentVolumeClaim", "data")["spec"]["storageClassName"] == ""
