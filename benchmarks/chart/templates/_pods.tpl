{{/* Containers and pods, for deployments and migrations. */}}

{{/* What runs in a container, and with what. Takes: root, name, container. */}}
{{- define "applications.process" -}}
name: {{ .name }}
image: {{ include "applications.image" . | quote }}
{{- with .container.command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .container.args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .container.env }}
env:
  {{- range . }}
  - name: {{ .name }}
    {{- if hasKey . "value" }}
    value: {{ include "applications.text" (dict "root" $.root "value" .value) | quote }}
    {{- else }}
    valueFrom:
      {{- toYaml .valueFrom | nindent 6 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- with .container.envFrom }}
envFrom:
  {{- range . }}
  - {{ .type }}Ref:
      name: {{ .configName }}
  {{- end }}
{{- end }}
{{- with .container.volumeMounts }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .container.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .container.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A container of an application, with its ports and probes. Takes: root, name, container. */}}
{{- define "applications.container" -}}
{{- include "applications.process" . }}
{{- with .container.ports }}
ports:
  {{- range $name, $port := . }}
  - name: {{ $name }}
    containerPort: {{ $port.containerPort }}
    protocol: {{ $port.protocol | default "TCP" }}
  {{- end }}
{{- end }}
{{- with merge (dict) (.container.probes | default dict) ((.root.Values.deploymentsGeneral | default dict).probes | default dict) }}
{{ toYaml . }}
{{- end }}
{{- with .container.lifecycle }}
lifecycle:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What the pods of a deployment and of its migrations share. Takes: root, name, deployment. */}}
{{- define "applications.podSettings" -}}
{{- with include "applications.account" . }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .root.Values.generic.extraImagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .deployment.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .deployment.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .deployment.volumes }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .deployment.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where pods may run: what is written, and the soft spread over hosts if asked for. Takes: name, deployment. */}}
{{- define "applications.affinity" -}}
{{- $affinity := .deployment.affinity | default dict -}}
{{- if and .deployment.autoCreateSoftAntiAffinity (not (hasKey $affinity "podAntiAffinity")) -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            app.kubernetes.io/component: {{ .name }}
{{- end }}
{{- with $affinity }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A digest of the configuration that a deployment's containers read. Takes: root, deployment. */}}
{{- define "applications.configDigest" -}}
{{- $read := dict -}}
{{- range .deployment.containers -}}
{{- range .envFrom -}}
{{- $_ := set $read .configName (index $.root.Values.configs .configName) -}}
{{- end -}}
{{- end -}}
{{- with $read -}}
{{- toJson . | sha256sum | trunc 32 -}}
{{- end -}}
{{- end }}
