{{- define "pipelines.env" -}}
envFrom:
- secretRef: {name: {{ .Release.Name }}-config-envs}
env:
- name: CONNECTION_CHECK_MAX_COUNT
  value: "20"
{{- end }}
{{- define "pipelines.wait" -}}
initContainers:
- name: wait-for-pipelines-migrations
  image: example/pipelines:{{ .Chart.AppVersion }}
  args: [pipelines, db, check-migrations, "--migration-wait-timeout=60"]
  envFrom:
  - secretRef: {name: {{ .Release.Name }}-config-envs}
{{- end }}
