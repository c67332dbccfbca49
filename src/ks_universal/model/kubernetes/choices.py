"""Which texts Kubernetes takes where it takes only a few: its OpenAPI does not say so, its reference does.

Other texts are refused by every API server of the version that `fields.py` has its table from; `""` is where it
means something of its own.
"""

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_PULLS = ("Always", "IfNotPresent", "Never")
_TRAFFIC = ("Cluster", "Local")
_HONOR = ("Honor", "Ignore")
_UPDATES = ("OnDelete", "RollingUpdate")
_CLAIMS = ("Delete", "Retain")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_OF_PODS: dict[str, tuple[str, ...]] = {
    "fsGroupChangePolicy": ("Always", "OnRootMismatch"),
    "seLinuxChangePolicy": ("MountOption", "Recursive"),
    "supplementalGroupsPolicy": ("Merge", "Strict"),
}
_OF_CONTAINERS: dict[str, tuple[str, ...]] = {"procMount": ("Default", "Unmasked")}

_MOUNTS: dict[str, tuple[str, ...]] = {
    "mountPropagation": ("Bidirectional", "HostToContainer", "None"),
    "recursiveReadOnly": ("Disabled", "Enabled", "IfPossible"),
}

_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "AnySecurityContext": _OF_PODS | _OF_CONTAINERS,
    "AppArmorProfile": {"type": _PROFILES},
    "Container": {
        "imagePullPolicy": _PULLS,
        "restartPolicy": ("Always", "Never", "OnFailure"),
        "terminationMessagePolicy": ("FallbackToLogsOnError", "File"),
    },
    "ContainerResizePolicy": {"restartPolicy": ("NotRequired", "RestartContainer")},
    "CronJobSpec": {"concurrencyPolicy": ("Allow", "Forbid", "Replace")},
    "DaemonSetUpdateStrategy": {"type": _UPDATES},
    "DeploymentStrategy": {"type": ("Recreate", "RollingUpdate")},
    "HPAScalingPolicy": {"type": ("Percent", "Pods")},
    "HPAScalingRules": {"selectPolicy": ("Disabled", "Max", "Min")},
    "HTTPGetAction": {"scheme": ("HTTP", "HTTPS")},
    "HostPathVolumeSource": {
        "type": ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
    },
    "ImageVolumeSource": {"pullPolicy": _PULLS},
    "JobSpec": {
        "completionMode": ("Indexed", "NonIndexed"),
        "podReplacementPolicy": ("Failed", "TerminatingOrFailed"),
    },
    "LabelSelectorRequirement": {"operator": ("DoesNotExist", "Exists", "In", "NotIn")},
    "MetricSpec": {"type": ("ContainerResource", "External", "Object", "Pods", "Resource")},
    "MetricTarget": {"type": ("AverageValue", "Utilization", "Value")},
    "NetworkPolicyPort": {"protocol": _PROTOCOLS},
    "NetworkPolicySpec": {"policyTypes": ("Egress", "Ingress")},
    "NodeSelectorRequirement": {"operator": ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")},
    "PersistentVolumeClaimSpec": {"volumeMode": ("Block", "Filesystem")},
    "PodDisruptionBudgetSpec": {"unhealthyPodEvictionPolicy": ("AlwaysAllow", "IfHealthyBudget")},
    "PodFailurePolicyOnExitCodesRequirement": {"operator": ("In", "NotIn")},
    "PodFailurePolicyRule": {"action": ("Count", "FailIndex", "FailJob", "Ignore")},
    "PodOS": {"name": ("linux", "windows")},
    "PodSecurityContext": _OF_PODS,
    "PodSpec": {
        "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
        "preemptionPolicy": ("Never", "PreemptLowerPriority"),
    },
    "ResourceQuotaSpec": {
        "scopes": (
            "BestEffort",
            "CrossNamespacePodAffinity",
            "NotBestEffort",
            "NotTerminating",
            "PriorityClass",
            "Terminating",
            "VolumeAttributesClass",
        )
    },
    "SeccompProfile": {"type": _PROFILES},
    "SecurityContext": _OF_CONTAINERS,
    "ServiceSpec": {
        "externalTrafficPolicy": _TRAFFIC,
        "internalTrafficPolicy": _TRAFFIC,
        "ipFamilies": ("IPv4", "IPv6"),
        "ipFamilyPolicy": ("PreferDualStack", "RequireDualStack", "SingleStack"),
        "sessionAffinity": ("ClientIP", "None"),
    },
    "StatefulSetPersistentVolumeClaimRetentionPolicy": {"whenDeleted": _CLAIMS, "whenScaled": _CLAIMS},
    "StatefulSetSpec": {"podManagementPolicy": ("OrderedReady", "Parallel")},
    "StatefulSetUpdateStrategy": {"type": _UPDATES},
    "Toleration": {
        "effect": ("", "NoExecute", "NoSchedule", "PreferNoSchedule"),
        "operator": ("Equal", "Exists", "Gt", "Lt"),
    },
    "TopologySpreadConstraint": {
        "nodeAffinityPolicy": _HONOR,
        "nodeTaintsPolicy": _HONOR,
        "whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
    },
    "VolumeMount": _MOUNTS,
    "VolumeMountOrNone": _MOUNTS,
}


def choices_of(definition: str) -> dict[str, tuple[str, ...]]:
    """Give the fields of a definition that take only some texts, or lists of them, with these texts."""
    return _CHOICES.get(definition, {})
