from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ks_universal.plan.fingerprints import fingerprint, is_same, name_changes
from ks_universal.plan.release import Release
from ks_universal.resources.objects import Rendered
from support.examples import examples
from support.releases import Json, app, config, render_values, secret

CONFIGS = {"settings": config(A="1", B="1"), "db": secret(PASSWORD="correct-horse"), "unread": config(A="1")}
PORTS = {"http": {"containerPort": 80}}
PROXY = {"image": "proxy", "imageTag": "1"}
WAIT = {"name": "wait", "image": "busybox", "imageTag": "1", "command": ["true"]}


def main(**more: Any) -> Json:
    """A container, to take the place of that of `app`."""
    env_from = [{"type": "configMap", "configName": "settings"}, {"type": "secret", "configName": "db"}]
    return {
        "image": "app",
        "imageTag": "1.0",
        "envFrom": env_from,
        "env": [{"name": "HOST", "value": "a"}],
        "ports": PORTS,
        **more,
    }


def web(*steps: str | Json, containers: Json | None = None, migrations: Json | None = None, **more: Any) -> Json:
    built = app(*(steps or ("schema",)), **more)
    return {
        **built,
        "migrations": {**built["migrations"], **(migrations or {})},
        "containers": containers or {"main": main()},
    }


def render(application: Json, configs: Json | None = None, **sections: Any) -> Rendered:
    return render_values({"configs": CONFIGS | (configs or {}), "deployments": {"web": application}, **sections})


def fingerprint_of(rendered: Rendered) -> str:
    index = Release(rendered)
    return fingerprint(index.apps["web"], index)


def changes(before: Rendered, after: Rendered) -> str | None:
    """What makes migrations run; None: nothing."""
    old, new = fingerprint_of(before), fingerprint_of(after)
    return None if is_same(old, new) else name_changes(old, new)


def with_main(**more: Any) -> Json:
    return web(containers={"main": main(**more)})


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (render(with_main(imageTag="2.0")), "image changed"),
        (render(with_main(imagePullPolicy="Always")), "imagePullPolicy added"),
        (render(with_main(command=["serve"])), "step schema changed (command)"),
        (render(with_main(workingDir="/srv")), "workingDir added"),
        (render(with_main(env=[{"name": "HOST", "value": "b"}])), "env HOST changed"),
        (render(with_main(env=[])), "env HOST removed"),
        (render(with_main(env=[{"name": "PORT", "value": ""}])), "env PORT added, env HOST removed"),
        (render(with_main(envFrom=[])), "envFrom removed, ConfigMap/settings removed, Secret/db removed"),
        (render(with_main(securityContext={"runAsUser": 1})), "securityContext added"),
        (render(web(securityContext={"fsGroup": 1})), "securityContext of the pod added"),
        (render(web(nodeSelector={"disk": "ssd"})), "nodeSelector added"),
        (render(web(tolerations=[{"operator": "Exists"}])), "tolerations added"),
        (render(web(affinity={"podAntiAffinity": {}})), "affinity added"),
        (render(web(priorityClassName="high")), "priorityClassName added"),
        (render(web(serviceAccountName="other")), "serviceAccount added"),
        (render(web(terminationGracePeriodSeconds=5)), "terminationGracePeriodSeconds added"),
        (render(web(), generic={"extraImagePullSecrets": [{"name": "registry"}]}), "imagePullSecrets added"),
        (render(web("schema", "data")), "step data added"),
        (render(web("data")), "step data added, step schema removed"),
        (render(web({"name": "schema", "args": ["other"]})), "step schema changed (args)"),
        (render(web({"name": "schema", "args": ["run", "schema"], "image": "migrate"})), "image changed"),
        (render(web(migrations={"backoffLimit": 3})), "backoffLimit changed"),
        (render(web(migrations={"timeout": "5m"})), "timeout added"),
        (render(web(migrations={"fatalExitCodes": [3]})), "fatalExitCodes added"),
        (render(web(migrations={"retry": "passing"})), "retry added"),
        (render(web(migrations={"phase": "post"})), "phase changed"),
        (render(web(migrations={"parallelism": 2})), "parallelism added"),
        (render(web(migrations={"rollback": {"args": ["down"]}})), "rollback added"),
        (render(web(migrations={"labels": {"a": "b"}})), "labels added"),
        (render(web(migrations={"annotations": {"a": "b"}})), "annotations added"),
        (render(web(migrations={"resources": {"limits": {"cpu": "1"}}})), "resources added"),
        (render(web(migrations={"networkPolicy": {"egress": []}})), "networkPolicy added"),
        (render(web(migrations={"initContainers": [WAIT]})), "container wait added"),
        (render(web(), {"settings": config(A="2", B="1")}), "ConfigMap/settings changed (A)"),
        (render(web(), {"settings": config(A="1", C="1")}), "ConfigMap/settings changed (C, B)"),
        (render(web(), {"db": secret(PASSWORD="battery-staple")}), "Secret/db changed (PASSWORD)"),
        (
            render(with_main(imageTag="2.0"), {"settings": config(A="2")}),
            "image changed, ConfigMap/settings changed (A, B)",
        ),
        (
            render(with_main(imageTag="2", workingDir="/", command=["x"], securityContext={"runAsUser": 1})),
            "image changed, securityContext added, workingDir added and 1 more",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_when_what_the_pods_of_migrations_get_changes_it_is_named(changed: Rendered, why: str) -> None:
    assert changes(render(web()), changed) == why
    assert changes(changed, render(web())) is not None


METRICS = [
    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
]
PROBE = {"httpGet": {"path": "/ready", "port": 80}}


@pytest.mark.parametrize(
    "changed",
    [
        render(web(replicas=3)),
        render(web(hpa={"maxReplicas": 5, "metrics": METRICS})),
        render(web(strategy={"type": "Recreate"})),
        render(web(autoCreateService=True, serviceType="NodePort")),
        render(web(autoCreateIngress=True, autoCreateService=True, ingress={"hosts": [{"host": "a.example.com"}]})),
        render(web(autoCreatePdb=True)),
        render(web(autoCreateSoftAntiAffinity=True)),
        render(web(labels={"team": "a"})),
        render(web(annotations={"team": "a"})),
        render(web(podAnnotations={"team": "a"})),
        render(web(), generic={"labels": {"team": "a"}, "annotations": {"team": "a"}}),
        render(with_main(resources={"requests": {"cpu": "1"}})),
        render(with_main(probes={"readinessProbe": PROBE, "livenessProbe": PROBE})),
        render(with_main(lifecycle={"preStop": {"sleep": {"seconds": 5}}})),
        render(with_main(args=["serve", "--fast"])),
        render(with_main(ports={"http": {"containerPort": 8080}})),
        render(web(containers={"main": main(), "proxy": PROXY})),
        render(web(volumes=[{"name": "unused", "emptyDir": {}}])),
        render(web(initContainers=[WAIT])),
        render(web(restartOnConfigChange=False, revisionHistoryLimit=2, minReadySeconds=5)),
        render(web(resources={"requests": {"cpu": "1"}})),
        render(web(), {"unread": config(A="2")}),
        render(
            web(),
            hpas={
                "web": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 5, "metrics": METRICS}
            },
        ),
        render_values({"configs": CONFIGS, "deployments": {"web": web(), "other": web(tag="2.0")}}),
    ],
)
def test_when_only_the_application_changes_its_migrations_have_nothing_new(changed: Rendered) -> None:
    assert changes(render(web()), changed) is None
    assert changes(changed, render(web())) is None


@pytest.mark.parametrize(
    "changed",
    [PROXY | {"resources": {"limits": {"cpu": "1"}}}, PROXY | {"probes": {"livenessProbe": {"exec": {"command": []}}}}],
)
def test_when_a_sidecar_changes_only_what_serves_it_does_not_count(changed: Json) -> None:
    def beside(proxy: Json) -> Rendered:
        return render(web(containers={"main": main(), "proxy": proxy}, migrations={"sidecars": ["proxy"]}))

    assert changes(beside(PROXY), beside(changed)) is None
    assert changes(beside(PROXY), beside(PROXY | {"imageTag": "2"})) == "container proxy changed (image)"


def test_resources_that_the_migration_says_itself_count() -> None:
    def limit(cpu: str) -> Rendered:
        return render(web(migrations={"resources": {"limits": {"cpu": cpu}}}))

    assert changes(limit("1"), limit("2")) == "resources changed"
    wait = WAIT | {"resources": {"limits": {"cpu": "1"}}}
    before, after = ({"initContainers": [each]} for each in (WAIT, wait))
    assert changes(render(web(migrations=before)), render(web(migrations=after))) == "resources added"


def test_depends_on_counts() -> None:
    def depend(*others: str) -> Rendered:
        return render_values({"configs": CONFIGS, "deployments": {"web": web(depends_on=others), "db": app()}})

    assert changes(depend(), depend("db")) == "dependsOn added"


def test_a_volume_that_the_migration_mounts_counts_and_so_does_its_claim() -> None:
    def mount(volume: Json, size: str = "1Gi") -> Rendered:
        mounts = [{"name": "data", "mountPath": "/data"}]
        claims = {"data": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}
        application = web(containers={"main": main(volumeMounts=mounts)}, volumes=[{"name": "data", **volume}])
        return render(application, persistentVolumeClaims=claims)

    claim = {"persistentVolumeClaim": {"claimName": "data"}}
    assert changes(mount({"emptyDir": {}}), mount({"emptyDir": {"medium": "Memory"}})) == "volume data changed"
    assert changes(mount(claim), mount(claim, "2Gi")) == "PersistentVolumeClaim/data changed (spec)"


def test_another_namespace_counts() -> None:
    before, after = (render_values({"deployments": {"web": app("one", namespace=name)}}) for name in "ab")
    assert changes(before, after) == "namespace changed"


def test_of_a_config_only_the_keys_count_that_the_migration_reads() -> None:
    def read(**data: str) -> Rendered:
        source = {"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "A"}}}
        return render(with_main(envFrom=[], env=[{"name": "A", **source}]), {"settings": config(**data)})

    assert changes(read(A="1", B="1"), read(A="1", B="2")) is None
    assert changes(read(A="1", B="1"), read(A="2", B="2")) == "ConfigMap/settings changed (A)"


def test_the_account_counts_with_what_it_says_itself() -> None:
    def share(annotation: str, **generic: Any) -> Rendered:
        account = {"create": True, "name": "shared", "annotations": {"role": annotation}}
        own = web(serviceAccount=account)
        values = {"configs": CONFIGS, "deployments": {"web": own, "other": own}, "generic": generic}
        return render_values(values)

    assert changes(share("a"), share("b")) == "ServiceAccount/shared changed (role)"
    assert changes(share("a"), share("a", annotations={"team": "x"}, labels={"team": "x"})) is None


def test_the_secrets_that_an_account_pulls_images_with_count() -> None:
    def pull(content: str) -> Rendered:
        account = {"create": True, "imagePullSecrets": [{"name": "registry"}]}
        return render(web(serviceAccount=account), {"registry": secret(config=content)})

    assert changes(pull("a"), pull("b")) == "Secret/registry changed (config)"


def test_what_several_steps_share_is_named_once() -> None:
    def steps(host: str) -> Rendered:
        return render(web("one", "two", containers={"main": main(env=[{"name": "HOST", "value": host}])}))

    assert changes(steps("a"), steps("b")) == "env HOST changed"


def test_another_order_of_the_steps_counts() -> None:
    why = "the order of steps or containers changed"
    assert changes(render(web("one", "two")), render(web("two", "one"))) == why


def test_a_large_config_is_named_without_its_keys() -> None:
    data = {f"KEY_{number}": "1" for number in range(200)}
    before, after = (render(web(), {"settings": config(**data, LAST=value)}) for value in "12")
    assert changes(before, after) == "ConfigMap/settings changed"
    assert len(fingerprint_of(before)) < 1000


def test_only_an_image_counts_where_the_values_say_so() -> None:
    def when(word: str, **more: Any) -> Rendered:
        return render(web(migrations={"when": word}, containers={"main": main(**more)}))

    assert changes(when("image"), when("image", env=[])) is None
    assert changes(when("image"), when("image", env=[], imageTag="2.0")) == "image changed"
    assert changes(when("changed"), when("image", env=[])) is None
    assert changes(when("image"), when("changed")) is None


def test_fingerprints_of_older_versions_are_read() -> None:
    now = fingerprint_of(render(web()))
    old = ".".join(["0123456789abcdef"] * 4)
    assert not is_same(old, now)
    assert name_changes(old, now) == "the record was written by an older version of ks-universal"


@pytest.mark.parametrize(
    "other", [render(web(replicas=3)), render(web(), {"settings": config(A="2")}), render(web(labels={"a": "b"}))]
)
def test_any_change_gives_another_fingerprint(other: Rendered) -> None:
    assert fingerprint_of(other) != fingerprint_of(render(web()))


NAMES = st.sampled_from(["A", "B", "C", "D", "E"])
DATA = st.dictionaries(NAMES, st.sampled_from(["correct-horse", "battery-staple"]), min_size=1)


@settings(deadline=None, max_examples=examples(30))
@given(before=DATA, after=DATA)
def test_no_leaks_what_changed_in_a_secret_is_named_by_its_keys_alone(
    before: dict[str, str], after: dict[str, str]
) -> None:
    old, new = (fingerprint_of(render(web(), {"db": secret(**data)})) for data in (before, after))
    assert is_same(old, new) is (before == after)
    named = name_changes(old, new)
    for key in set(before) | set(after):
        if before.get(key) != after.get(key) and "more" not in named:
            assert key in named.partition("(")[2]
    assert not any(value in text for text in (old, new, named) for value in ("horse", "staple"))
