{{- define "inbox.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "inbox.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "inbox.selector" . }}
{{- end }}

{{- define "inbox.wait" -}}
- name: init-postgres
  image: postgres:17
  command: [sh, -c, "until pg_isready -h pg; do echo waiting; sleep 2; done"]
{{- end }}
