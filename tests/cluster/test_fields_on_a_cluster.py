"""Every field that left the values leaves the cluster: what was more becomes what was never more."""

import json
from pathlib import Path
from typing import Any

from ks_universal.metadata_keys import APPLIED
from ks_universal.plan.records import Outcome
from support.cluster_release import new_namespace
from support.deploying import deploy, kubectl

Json = dict[str, Any]
KINDS = "deploy,svc,ing,pdb,hpa,cronjob,cm,secret,netpol,quota,sa"
OURS = "app.kubernetes.io/managed-by=ks-universal"
ALL = """
configs:
  cfg: {type: configMap, data: {A: "1", B: "2"}, binaryData: {X: aGk=}, labels: {l: "1"}, annotations: {a: "1"}}
  sec: {type: secret, data: {P: pw, Q: qq}}
deployments:
  app:
    labels: {team: a}
    annotations: {note: x}
    podAnnotations: {pa: x}
    securityContext: {fsGroup: 1000, supplementalGroups: [5]}
    nodeSelector: {kubernetes.io/os: linux}
    tolerations: [{key: k, operator: Exists}]
    affinity:
      podAntiAffinity:
        preferredDuringSchedulingIgnoredDuringExecution:
          - {weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {a: b}}}}
    volumes: [{name: tmp, emptyDir: {}}, {name: c, configMap: {name: cfg}}]
    initContainers: [{name: init, image: "busybox:local", command: ["true"]}]
    autoCreateServiceAccount: true
    serviceAccountConfig: {annotations: {role: x}, automountServiceAccountToken: false}
    replicas: 2
    strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 2, maxUnavailable: 1}}
    autoCreateService: true
    serviceType: NodePort
    serviceConfig: {labels: {s: x}, annotations: {s: y}, sessionAffinity: ClientIP, externalTrafficPolicy: Local}
    autoCreateIngress: true
    ingress:
      hosts: [{host: a.example, paths: [{path: /}]}]
      ingressClassName: nginx
      tls: [{hosts: [a.example], secretName: t}]
    autoCreatePdb: true
    hpa:
      maxReplicas: 4
      minReplicas: 2
      metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
      behavior: {scaleDown: {stabilizationWindowSeconds: 60}}
    minReadySeconds: 1
    revisionHistoryLimit: 3
    progressDeadlineSeconds: 60
    terminationGracePeriodSeconds: 5
    dnsPolicy: ClusterFirst
    dnsConfig: {options: [{name: ndots, value: "2"}]}
    hostAliases: [{ip: 1.2.3.4, hostnames: [x]}]
    enableServiceLinks: false
    shareProcessNamespace: true
    topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector: {matchLabels: {a: b}}
    priorityClassName: system-cluster-critical
    hostname: hh
    automountServiceAccountToken: false
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        workingDir: /tmp
        ports:
          http: {containerPort: 8080, servicePort: 80, appProtocol: http}
          extra: {containerPort: 8081, protocol: UDP}
        env: [{name: E1, value: v1}, {name: E2, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        envFrom: [{type: configMap, configName: cfg}, {type: secret, configName: sec}]
        volumeMounts: [{name: tmp, mountPath: /t}, {name: c, mountPath: /c, readOnly: true}]
        resources: {requests: {cpu: 10m, memory: 10Mi}, limits: {memory: 64Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        lifecycle: {preStop: {exec: {command: ["true"]}}}
        probes:
          livenessProbe: {exec: {command: ["true"]}, periodSeconds: 5, timeoutSeconds: 2}
          readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
          startupProbe: {exec: {command: ["true"]}, periodSeconds: 1}
        terminationMessagePolicy: FallbackToLogsOnError
        imagePullPolicy: IfNotPresent
      side:
        image: busybox
        imageTag: local
        command: [sh, -c, "trap 'exit 0' TERM; sleep 1000 & wait"]
cronJobs:
  cj:
    schedule: "0 3 * * *"
    timezone: Europe/Berlin
    suspend: true
    concurrencyPolicy: Forbid
    successfulJobsHistoryLimit: 1
    failedJobsHistoryLimit: 2
    startingDeadlineSeconds: 100
    serviceAccountName: default2
    backoffLimit: 2
    activeDeadlineSeconds: 50
    ttlSecondsAfterFinished: 100
    containers:
      main: {image: "busybox:local", command: ["true"], env: [{name: A, value: b}], resources: {limits: {memory: 10Mi}}}
services:
  app2:
    type: NodePort
    selector: {app.kubernetes.io/name: app}
    sessionAffinity: ClientIP
    ports: [{port: 80, name: http, targetPort: 8080}, {port: 81, name: b, targetPort: 8081}]
networkPolicies:
  np:
    podSelector: {matchLabels: {a: b}}
    policyTypes: [Ingress, Egress]
    ingress: [{ports: [{port: 80}]}]
    egress: [{}]
resourceQuotas:
  rq: {hard: {pods: "50", services: "10"}}
"""
LITTLE = """
configs:
  cfg: {type: configMap, data: {A: "1"}}
  sec: {type: secret, data: {P: pw}}
deployments:
  app:
    autoCreateService: true
    autoCreatePdb: true
    hpa:
      maxReplicas: 4
      metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
    autoCreateIngress: true
    ingress: {hosts: [{host: a.example}]}
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        ports: {http: {containerPort: 8080}}
cronJobs:
  cj:
    schedule: "0 3 * * *"
    containers: {main: {image: "busybox:local", command: ["true"]}}
services:
  app2: {selector: {app.kubernetes.io/name: app}, ports: [{port: 80, targetPort: 8080}]}
networkPolicies:
  np: {podSelector: {}, policyTypes: [Ingress]}
resourceQuotas:
  rq: {hard: {pods: "60"}}
"""


def read(namespace: str) -> dict[str, Json]:
    """Read what the values have made, without what the server gives or counts."""
    found = json.loads(kubectl(namespace, "get", KINDS, "-l", OURS, "-o", "json"))["items"]
    bodies = [body for body in found if not str(body.get("type", "")).startswith("ks-universal")]
    return {f"{body['kind']}/{body['metadata']['name']}": read_wanted(body) for body in bodies}


def read_wanted(body: Json) -> Json:
    metadata = body["metadata"]
    given = (APPLIED, "deployment.kubernetes.io/revision")
    annotations = {key: text for key, text in metadata.get("annotations", {}).items() if key not in given}
    spec = {key: value for key, value in body.get("spec", {}).items() if key not in ("clusterIP", "clusterIPs")}
    if body["kind"] == "Deployment":
        spec.pop("replicas")  # the autoscaler's
    pods = spec.get("jobTemplate", {"spec": spec})["spec"].get("template", {}).get("spec", {})
    if pods.get("serviceAccountName") == "default":  # as if none were named
        del pods["serviceAccountName"], pods["serviceAccount"]
    return {"labels": metadata["labels"], "annotations": annotations, "spec": spec, "data": body.get("data")}


def test_nothing_orphaned_every_field_that_left_the_values_is_as_if_it_had_never_been_there(
    namespace: str, kubeconfig: str, tmp_path: Path
) -> None:
    for values in (ALL, LITTLE):
        revision, _ = deploy(namespace, values, tmp_path)
        assert revision.outcome is Outcome.SUCCEEDED
    with new_namespace(kubeconfig) as fresh:
        deploy(fresh, LITTLE, tmp_path)
        expected = read(fresh)
    assert len(expected) == 11
    assert read(namespace) == expected
