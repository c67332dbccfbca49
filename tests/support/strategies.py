"""Bad input for every test that must never see a traceback: good values, damaged in one to four places.

`broken_values()` draws YAML text. Every secret in the good values contains SECRET, so that a test can look for leaks.
"""

import json
from typing import Any

import yaml
from hypothesis import strategies as st

SECRET = "s3cr3t"

GOOD = f"""
generic:
  labels: {{team: shop}}
  extraImagePullSecrets: [{{name: pull}}]
  serviceAccountName: shop
  ingressesGeneral: {{domain: example.com, tls: [{{hosts: [example.com], secretName: wildcard}}]}}
  httpRoutesGeneral: {{parentRefs: [{{name: gateway}}]}}
  serviceMonitorGeneral: {{interval: 30s, labels: {{prometheus: main}}}}
deploymentsGeneral:
  securityContext: {{runAsNonRoot: true, fsGroup: 1000}}
  nodeSelector: {{disk: ssd}}
  tolerations: [{{key: a, operator: Exists}}]
  probes:
    readinessProbe: {{httpGet: {{path: /healthz, port: http}}, periodSeconds: 5}}
  lifecycle: {{preStop: {{exec: {{command: [sleep, "5"]}}}}}}
  strategy: {{type: RollingUpdate, rollingUpdate: {{maxSurge: 1, maxUnavailable: 25%}}}}
configs:
  settings:
    type: configMap
    data: {{LOG_LEVEL: info, PORT: 8080, app.yaml: "a: {SECRET}"}}
  files: {{type: configMap, binaryData: {{a.bin: AAEC}}}}
  db-secrets:
    type: secret
    stringData: {{MORE: {SECRET}}}
    data: {{DB_USER: {SECRET}-user, DB_PASSWORD: {SECRET}-password}}
  settings-secret: {{name: settings, type: secret, data: {{A: {SECRET}}}}}
  theirs: {{type: secret, external: true, keys: [TOKEN]}}
secretRefs:
  database:
    - name: DB_PASSWORD
      secretKeyRef: {{name: db-secrets, key: DB_PASSWORD}}
services:
  external:
    type: NodePort
    selector: {{app.kubernetes.io/name: my-app}}
    ports: [{{name: http, port: 80, targetPort: http, nodePort: 30080}}]
persistentVolumeClaims:
  files: {{accessModes: [ReadWriteOnce], size: 1Gi, storageClassName: ""}}
deployments:
  worker:
    containers:
      only: {{image: registry.example.com/worker, imageTag: 1.10, command: [run]}}
  my-app:
    replicas: 2
    labels: {{tier: web}}
    podAnnotations: {{note: "1"}}
    autoCreateService: true
    autoCreateServiceAccount: true
    serviceAccountConfig: {{annotations: {{role: arn}}}}
    terminationGracePeriodSeconds: 30
    affinity:
      nodeAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms: [{{matchExpressions: [{{key: a, operator: In, values: [b]}}]}}]
    volumes:
      - {{name: data, persistentVolumeClaim: {{claimName: files}}}}
      - {{name: settings, configMap: {{name: settings, items: [{{key: app.yaml, path: app.yaml}}]}}}}
    initContainers: [{{name: wait, image: "alpine:3", command: [sh, -c, "sleep 1"]}}]
    migrations:
      enabled: true
      backoffLimit: 3
      timeout: 10m
      container: main
      sidecars: [proxy]
      dependsOn: [worker]
      env: [{{name: LOCK_TIMEOUT, value: "{SECRET}"}}]
      envFrom: [{{type: configMap, configName: settings}}]
      resources: {{requests: {{cpu: 100m, memory: 256Mi}}, limits: {{cpu: 0.5}}}}
      fatalExitCodes: [2, 3]
      steps:
        - {{name: schema, args: [migrate, $(LOCK_TIMEOUT)], backoffLimit: 0, rollback: {{args: [down]}}}}
        - {{name: data, command: [/app/data], phase: post, networkPolicy: {{policyTypes: [Egress]}}}}
    containers:
      main:
        image: my-app
        imageTag: v1.0.0
        imagePullPolicy: Always
        ports:
          http: {{containerPort: 8080, servicePort: 80}}
        env:
          - {{name: DB_HOST, value: {SECRET}-host}}
          - name: DB_USER
            valueFrom: {{secretKeyRef: {{name: db-secrets, key: DB_USER}}}}
          - {{name: NODE, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}
        secretRefs: [database]
        envFrom: [{{type: secret, configName: db-secrets}}]
        volumeMounts: [{{name: data, mountPath: /data}}, {{name: settings, mountPath: /etc/app, readOnly: true}}]
        probes:
          livenessProbe: {{tcpSocket: {{port: 8080}}}}
        securityContext: {{readOnlyRootFilesystem: true}}
      proxy:
        image: envoy@sha256:0123456789012345678901234567890123456789012345678901234567890123
        args: [--config, $(DB_HOST)]
        env: [{{name: DB_HOST, value: "{SECRET}"}}]
  web:
    autoCreateService: true
    autoCreateIngress: true
    autoCreateHttpRoute: true
    autoCreateCertificate: true
    autoCreateServiceMonitor: true
    autoCreatePdb: true
    certificate: {{issuer: internal, domains: [web.example.com]}}
    pdbConfig: {{minAvailable: 50%}}
    hpa:
      maxReplicas: 3
      metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 80}}}}}}]
    ingress:
      dexAuthenticator: {{enabled: true, name: dex, namespace: auth}}
      hosts: [{{host: web.example.com, paths: [{{path: /a, port: 80}}]}}, {{subdomain: www}}]
    httpRoute:
      hostnames: [{{subdomain: api}}, plain.example.com]
      rules: [{{matches: [{{path: {{value: /a}}, method: GET}}], backendRefs: [{{weight: 0}}]}}]
    serviceMonitor: {{interval: 30s, endpoints: [{{port: http}}]}}
    containers: {{main: {{image: web, imageTag: v1, ports: {{http: {{containerPort: 80}}}}}}}}
jobs:
  seed:
    backoffLimit: 0
    ttlSecondsAfterFinished: 60
    initContainers: {{wait: {{image: "alpine:3"}}}}
    containers: {{main: {{image: seed, imageTag: v1, env: [{{name: A, value: {SECRET}}}]}}}}
cronJobs:
  night: {{schedule: "0 1 * * *", timezone: UTC, containers: {{main: {{image: seed, imageTag: v1}}}}}}
ingresses:
  edge: {{hosts: [{{subdomain: edge, paths: [{{service: web}}]}}]}}
httpRoutes:
  old: {{hostnames: [{{subdomain: old}}], rules: [{{backendRefs: [{{name: web}}]}}]}}
hpas:
  worker:
    maxReplicas: 2
    metrics: [{{type: External, external: {{metric: {{name: a}}, target: {{type: Value, value: 1}}}}}}]
networkPolicies:
  my-app: {{spec: {{policyTypes: [Ingress]}}}}
resourceQuotas:
  all: {{hard: {{pods: 10}}}}
dexAuthenticators:
  dex: {{applicationDomain: dex.example.com, applicationIngressClassName: nginx, autoCreateCertificate: true}}
x-shared: {{anything: [1]}}
statefulSets:
  queue:
    replicas: 2
    podLabels: {{tier: data}}
    selector: {{matchLabels: {{app: old-queue}}}}
    updateStrategy: {{type: RollingUpdate, rollingUpdate: {{partition: 1}}}}
    volumeClaimTemplates: {{data: {{accessModes: [ReadWriteOnce], size: 1Gi}}}}
    serviceAccount: {{create: true}}
    rbac: {{rules: [{{apiGroups: [""], resources: [configmaps], verbs: [get]}}]}}
    migrations:
      enabled: true
      inherit: [env, volumes]
      args: [up]
      env: [{{name: A, value: null}}]
    containers:
      main:
        image: queue
        imageTag: v1
        env: [{{name: A, value: b}}]
        ports: {{amqp: {{containerPort: 5672}}}}
        volumeMounts: [{{name: data, mountPath: /data}}]
daemonSets:
  agent: {{updateStrategy: {{type: OnDelete}}, containers: {{main: {{image: agent, imageTag: v1}}}}}}
serviceAccounts:
  robot: {{rbac: {{clusterRules: [{{apiGroups: [""], resources: [nodes], verbs: [list]}}]}}}}
roles:
  reader: {{rules: [{{apiGroups: [""], resources: [pods], verbs: [get]}}], bind: [robot, "other:robot"]}}
clusterRoles:
  lister: {{rules: [{{nonResourceURLs: [/metrics], verbs: [get]}}], subjects: [{{kind: Group, name: ops}}]}}
extraObjects:
  vault: {{apiVersion: external-secrets.io/v1, kind: ExternalSecret, spec: {{target: {{name: from-vault}}}}}}
  raw: {{apiVersion: v1, kind: Secret, metadata: {{labels: {{a: b}}}}, stringData: {{A: {SECRET}}}}}
  once:
    apiVersion: batch/v1
    kind: Job
    metadata: {{annotations: {{ks-universal.io/wait: "false"}}}}
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{{name: main, image: "a:1", envFrom: [{{secretRef: {{name: raw}}}}]}}]
          volumes: [{{name: a, projected: {{sources: [{{secret: {{name: raw}}}}]}}}}]
  bound:
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}}
    subjects: [{{kind: ServiceAccount, name: robot, namespace: other}}]
  definition:
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {{name: widgets.example.com}}
    spec: {{group: example.com, scope: Cluster, names: {{kind: Widget, plural: widgets}}}}
local:
  postgres: {{database: shop, port: 5433}}
  env: {{DB_HOST: localhost}}
  images:
    my-app: {{directory: app, command: [python], env: {{DEBUG: "1"}}}}
"""

_GOOD_JSON = json.dumps(yaml.safe_load(GOOD))

WEIRD = [
    "~",
    "null",
    "true",
    "'true'",
    "yes",
    "0",
    "-1",
    "1.10",
    "1e3",
    "8e12345",
    "0644",
    "0x1F",
    "12:30",
    ".inf",
    ".nan",
    "99999999999999999999",
    "1_000",
    "''",
    "[]",
    "{}",
    "[[]]",
    "[~]",
    "{a:%~}",
    "{'':%1}",
    "{{}:%1}",
    "'{{%.Values.x%}}'",
    "$(NOPE)",
    "$$(X)",
    "!!binary%x",
    "!!binary%aGk=",
    "!!int%x",
    "!!str%1",
    "!custom%x",
    "'\\0'",
    '"\\0"',
    '"\\n"',
    "ä€😀",
    "*nowhere",
    "&a%[*a]",
    "2001-01-01",
    "../../etc/passwd",
    "-----",
]
"""Scalars and more as they may stand in a text; a % is a blank."""


class Raw(str):
    """A scalar as it is to stand in the text."""


def write(value: Any) -> str:
    """Write a value as YAML in flow style; a key that ends in NUL is written without it, so that keys can be double."""
    if isinstance(value, dict):
        entries = (f"{json.dumps(str(key).rstrip(chr(0)))}: {write(child)}" for key, child in value.items())
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(write(item) for item in value) + "]"
    return value if isinstance(value, Raw) else json.dumps(value)


def good_values() -> dict[str, Any]:
    """Give a fresh copy of values that use most of the format and have no finding."""
    values: dict[str, Any] = json.loads(_GOOD_JSON)
    return values


@st.composite
def broken_values(draw: st.DrawFn) -> str:
    """Draw YAML text: the good values with one to four places replaced, renamed, deleted, doubled or moved."""
    values = good_values()
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(values))
        holder, key = draw(st.sampled_from(places))
        draw(st.sampled_from(_DAMAGES))(draw, holder, key, places)
    return write(values)


def _places(value: Any) -> Any:
    """List (holder, key) of everything below a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        yield value, key
        yield from _places(child)


def _replace(draw: st.DrawFn, holder: Any, key: Any, places: list[Any]) -> None:
    del places
    scalars = st.sampled_from([Raw(word.replace("%", " ")) for word in WEIRD]) | st.text(max_size=300)
    numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    leaves = scalars | numbers | st.booleans() | st.none()
    holder[key] = draw(leaves | st.lists(leaves, max_size=3) | st.dictionaries(st.text(max_size=5), leaves, max_size=3))


def _rename(draw: st.DrawFn, holder: Any, key: Any, places: list[Any]) -> None:
    del places
    if isinstance(holder, dict):
        new = draw(
            st.sampled_from([f"{key}x", f"{key}"[1:], f"{key}".upper(), "name", "on", ""]) | st.text(max_size=70)
        )
        holder[new] = holder.pop(key)


def _delete(draw: st.DrawFn, holder: Any, key: Any, places: list[Any]) -> None:
    del draw, places
    del holder[key]


def _double(draw: st.DrawFn, holder: Any, key: Any, places: list[Any]) -> None:
    del draw, places
    if isinstance(holder, dict):
        holder[f"{key}\0"] = holder[key]
    else:
        holder.append(holder[key])


def _move(draw: st.DrawFn, holder: Any, key: Any, places: list[Any]) -> None:
    """Put a copy of another part here, unless it holds a secret: a name in a finding may be where that was put."""
    other, other_key = draw(st.sampled_from(places))
    copy = json.dumps(other[other_key], default=str)
    if SECRET not in copy:
        holder[key] = json.loads(copy)


_DAMAGES = (_replace, _replace, _rename, _delete, _double, _move)
