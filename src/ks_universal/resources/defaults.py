"""What the API server fills in where nothing is written: with it and without it, an object is the same.

From defaults.go of the API groups of Kubernetes. Objects of this program are made without it.
"""

from typing import Any

from ks_universal.json_types import Json
from ks_universal.model.kubernetes.fields import fields_of, has_definition
from ks_universal.resources.containers import find_pull_policy

_PROBE = {"failureThreshold": 3, "initialDelaySeconds": 0, "periodSeconds": 10, "successThreshold": 1}
_JOB = {
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "completions": 1,
    "manualSelector": False,
    "parallelism": 1,
    "podReplacementPolicy": "TerminatingOrFailed",
    "suspend": False,
}
_ROLLING = {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"}
_DEFAULTS: dict[str, Json] = {
    "ConfigMapProjection": {"optional": False},
    "ConfigMapVolumeSource": {"defaultMode": 420, "optional": False},
    "Container": {"stdin": False, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
    "ContainerPort": {"protocol": "TCP"},
    "CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "failedJobsHistoryLimit": 1,
        "successfulJobsHistoryLimit": 3,
        "suspend": False,
    },
    "DaemonSetSpec": {
        "revisionHistoryLimit": 10,
        "updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}, "type": "RollingUpdate"},
    },
    "DeploymentSpec": {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "strategy": _ROLLING},
    "DownwardAPIVolumeSource": {"defaultMode": 420},
    "GRPCAction": {"service": ""},
    "HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "HTTPRouteSpec.parentRefs": {"group": "gateway.networking.k8s.io", "kind": "Gateway"},
    "HTTPRouteSpec.rules.backendRefs": {"group": "", "kind": "Service", "weight": 1},
    "HTTPRouteSpec.rules.matches.path": {"type": "PathPrefix"},
    "HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "HostPathVolumeSource": {"type": ""},
    "JobSpec": _JOB,
    "NetworkPolicyPort": {"protocol": "TCP"},
    "ObjectFieldSelector": {"apiVersion": "v1"},
    "PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "PodSpec": {
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "hostNetwork": False,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
    },
    "Probe": {**_PROBE, "timeoutSeconds": 1},
    "ProjectedVolumeSource": {"defaultMode": 420},
    "SecretVolumeSource": {"defaultMode": 420, "optional": False},
    "ServicePort": {"protocol": "TCP"},
    "ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "ServiceSpec": {
        "allocateLoadBalancerNodePorts": True,
        "externalTrafficPolicy": "Cluster",
        "internalTrafficPolicy": "Cluster",
        "ipFamilyPolicy": "SingleStack",
        "publishNotReadyAddresses": False,
        "sessionAffinity": "None",
        "type": "ClusterIP",
    },
    "StatefulSetSpec": {
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "podManagementPolicy": "OrderedReady",
        "revisionHistoryLimit": 10,
        "updateStrategy": {"rollingUpdate": {"partition": 0}, "type": "RollingUpdate"},
    },
    "VolumeMount": {"readOnly": False, "subPath": ""},
}
"""What the API server fills in (defaults.go of the API groups), by definition."""

_SERVER_FIELDS = {
    "PodSpec": ("serviceAccount", "priority"),
    "ServiceSpec": ("clusterIPs", "healthCheckNodePort", "ipFamilies"),
}
"""What the API server writes where nobody may, or copies of fields that have another name."""

_SAME_AS_NONE = frozenset(
    (
        "affinity",
        "annotations",
        "args",
        "binaryData",
        "command",
        "data",
        "env",
        "envFrom",
        "hostAliases",
        "imagePullSecrets",
        "initContainers",
        "labels",
        "nodeSelector",
        "ports",
        "resources",
        "securityContext",
        "stringData",
        "strategy",
        "tls",
        "tolerations",
        "topologySpreadConstraints",
        "volumeClaimTemplates",
        "volumeMounts",
        "volumes",
    )
)
"""The fields that say nothing where they are empty."""


def strip_defaults(value: Any, definition: str) -> Any:
    """Copy a value without what the API server would fill in; `definition` is its type in the table of fields."""
    if definition.startswith("[]"):
        return [strip_defaults(item, definition[2:]) for item in value]
    if definition.startswith("{}"):
        return {key: strip_defaults(item, definition[2:]) for key, item in value.items()}
    if not isinstance(value, dict) or not has_definition(definition):
        return value
    kinds = fields_of(definition)
    fields = {key: strip_defaults(item, kinds.get(key, "any").rstrip("!")) for key, item in value.items()}
    _drop_derived(fields, definition)
    defaults = _DEFAULTS.get(definition, {})
    dropped = _SERVER_FIELDS.get(definition, ())
    return {
        key: item
        for key, item in fields.items()
        if key not in dropped and not says_nothing(key, item) and not (key in defaults and item == defaults[key])
    }


def _drop_derived(fields: Json, definition: str) -> None:
    """Drop what follows from the fields beside it."""
    if definition == "Container" and "image" in fields:
        if fields.get("imagePullPolicy") == find_pull_policy(fields["image"]):
            del fields["imagePullPolicy"]
        if "env" in fields:
            # Of variables of one name the last one counts.
            fields["env"] = list({variable["name"]: variable for variable in fields["env"]}.values())
        fields["env"] = [_fill_value(variable) for variable in fields.get("env", ())]
    elif definition == "ServicePort" and fields.get("targetPort") == fields["port"]:
        del fields["targetPort"]
    elif definition == "ServiceSpec" and fields.get("clusterIP") not in (None, "None"):
        del fields["clusterIP"]
    elif definition in ("DeploymentStrategy", "StatefulSetUpdateStrategy", "DaemonSetUpdateStrategy"):
        _fill_strategy(fields, definition)


def _fill_value(variable: Json) -> Json:
    return variable if "valueFrom" in variable else {"value": "", **variable}


def _fill_strategy(fields: Json, definition: str) -> None:
    """Fill in what a written part of a strategy leaves to the API server, so that equal ones are equal."""
    spec = definition.replace("UpdateStrategy", "Spec").replace("Strategy", "Spec")
    whole = next(value for key, value in _DEFAULTS[spec].items() if key.lower().endswith("strategy"))
    fields.setdefault("type", "RollingUpdate")
    if fields["type"] == "RollingUpdate":
        fields["rollingUpdate"] = {**whole["rollingUpdate"], **fields.get("rollingUpdate", {})}


def says_nothing(key: str, value: object) -> bool:
    """Tell whether a field is as good as not there."""
    return value is None or (key in _SAME_AS_NONE and value in ({}, []))
