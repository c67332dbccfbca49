from typing import Any

from ks_universal.targets.kubernetes.rollout.image_look import build_look

Json = dict[str, Any]
LABELS = {"app.kubernetes.io/managed-by": "ks-universal", "app.kubernetes.io/instance": "shop"}


def deployment(**pod: Any) -> Json:
    main = {
        "name": "main",
        "image": "app:latest",
        "imagePullPolicy": "Always",
        "args": ["serve"],
        "env": [{"name": "A", "value": "1"}],
        "ports": [{"containerPort": 80}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "readinessProbe": {"exec": {"command": ["true"]}},
        "securityContext": {"runAsNonRoot": True},
        "resources": {"requests": {"cpu": "10m"}},
    }
    spec = {"containers": [{"name": "other", "image": "other:1"}, main], "volumes": [{"name": "data"}], **pod}
    metadata = {"name": "web" * 20, "labels": {**LABELS, "tier": "web"}}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": spec}}}


def test_a_look_pulls_the_image_where_and_as_the_application_may_and_runs_nothing_of_it() -> None:
    spread = {"podAntiAffinity": {"a": 1}, "nodeAffinity": {"b": 2}}
    body = deployment(
        affinity=spread, imagePullSecrets=[{"name": "pull"}], tolerations=[{"key": "t"}], hostNetwork=True
    )
    look = build_look(body, "app:latest")
    pod = look["spec"]["template"]["spec"]
    (container,) = pod.pop("containers")
    (command,) = container.pop("command")
    assert command.startswith("/ks-universal/")
    assert container == {
        "name": "main",
        "image": "app:latest",
        "imagePullPolicy": "Always",
        "securityContext": {"runAsNonRoot": True},
        "resources": {"requests": {"cpu": "10m"}},
    }
    assert pod == {
        "imagePullSecrets": [{"name": "pull"}],
        "tolerations": [{"key": "t"}],
        "affinity": {"nodeAffinity": {"b": 2}},
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
    }
    assert look["metadata"]["labels"] == LABELS  # no Service selects its pod
    assert len(look["metadata"]["name"]) <= 63
