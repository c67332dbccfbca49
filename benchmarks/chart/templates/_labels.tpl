{{/* Labels, selectors and annotations. Each takes a dict: root, name, and the layers of its own, strongest first. */}}

{{- define "applications.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component | default .name }}
{{- end }}

{{- define "applications.labels" -}}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{ include "applications.selector" . }}
{{- with .version }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
{{- with merge (dict) (.labels | default dict) (.root.Values.generic.labels | default dict) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "applications.annotations" -}}
{{- with merge (dict) (.annotations | default dict) (.root.Values.generic.annotations | default dict) }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- define "applications.metadata" -}}
labels:
  {{- include "applications.labels" . | nindent 2 }}
{{- with include "applications.annotations" . }}
annotations:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}
