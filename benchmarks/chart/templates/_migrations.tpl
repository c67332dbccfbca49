{{/* The Job of one migration step. Takes: root, name, deployment, step (with what all steps share below its own). */}}
{{- define "applications.migration" -}}
{{- $key := .step.container | default "main" -}}
{{- $written := index .deployment.containers $key -}}
{{- $env := concat ($written.env | default list) (.step.env | default list) -}}
{{- $container := merge (pick .step "args" "command") (dict "env" $env) (omit $written "args" "env") -}}
{{- $base := printf "%s-migrations" .name -}}
{{- $name := empty .step.name | ternary $base (printf "%s-%s" $base (toString .step.name)) -}}
{{- $version := include "applications.text" (dict "root" .root "value" $written.imageTag) -}}
{{- $labelled := dict "root" .root "name" $base "component" $name "labels" .deployment.labels "version" $version -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name }}
  {{- include "applications.metadata" (merge (dict "annotations" .deployment.annotations) $labelled) | nindent 2 }}
spec:
  backoffLimit: {{ .step.backoffLimit }}
  podReplacementPolicy: Failed
  podFailurePolicy:
    rules:
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
  template:
    metadata:
      {{- include "applications.metadata" (merge (dict "annotations" .deployment.podAnnotations) $labelled) | nindent 6 }}
    spec:
      restartPolicy: Never
      {{- with include "applications.podSettings" . }}
      {{- . | nindent 6 }}
      {{- end }}
      containers:
        - {{- include "applications.process" (dict "root" .root "name" $key "container" $container) | nindent 10 }}
{{- end }}
