"""What the chart reads at each place (sections 2 to 24 of the reference): anything else it ignores without a word."""

_POD = (
    "containers labels annotations podAnnotations securityContext priorityClassName nodeSelector affinity tolerations"
    " volumes serviceAccountName serviceAccount autoCreateServiceAccount"
)
_JOB = f"{_POD} activeDeadlineSeconds backoffLimit parallelism completions restartPolicy"
_CONTAINER = (
    "image imageTag command args ports env secretRefs envFrom volumeMounts resources securityContext lifecycle probes"
)
_TEXTS = {
    "": "deploymentsGeneral generic deployments jobs cronJobs configs secretRefs services ingresses httpRoutes"
    " persistentVolumeClaims nameOverride fullnameOverride global",
    "deploymentsGeneral": "securityContext nodeSelector tolerations affinity priorityClassName probes strategy"
    " parallelism completions labels annotations autoCreateSoftAntiAffinity",
    "deployments.*": f"{_POD} replicas strategy serviceAccountConfig autoCreateService serviceType autoCreateIngress"
    " ingress autoCreateHttpRoute httpRoute autoCreateCertificate certificate autoCreateServiceMonitor serviceMonitor"
    " autoCreatePdb pdbConfig pdb autoCreateSoftAntiAffinity hpa migrations",
    "deployments.*.containers.*": _CONTAINER,
    "deployments.*.migrations": "enabled args backoffLimit parallelism completions",
    "deployments.*.certificate": "clusterIssuer issuer labels annotations",
    "jobs.*": _JOB,
    "jobs.*.containers.*": _CONTAINER,
    "cronJobs.*": f"{_JOB} schedule timezone startingDeadlineSeconds concurrencyPolicy failedJobsHistoryLimit"
    " successfulJobsHistoryLimit suspend",
    "cronJobs.*.containers.*": _CONTAINER,
    "configs.*": "type data labels annotations",
    "services.*": "type ports labels annotations",
    "ingresses.*": "hosts ingressClassName tls annotations labels dexAuthenticator namespace",
    "httpRoutes.*": "parentRefs hostnames rules labels annotations",
    "persistentVolumeClaims.*": "accessModes size storageClassName selector labels annotations",
}
READ_BY_CHART = {path: frozenset(text.split()) for path, text in _TEXTS.items()}
"""{place: keys}; `*` stands for any name."""
