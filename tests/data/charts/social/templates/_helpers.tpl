{{- define "social.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "social.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "social.selector" . }}
{{- end }}

{{- define "social.env" -}}
envFrom:
- configMapRef:
    name: {{ .Release.Name }}-env
- secretRef:
    name: {{ .Release.Name }}
env:
- name: DB_PASS
  valueFrom:
    secretKeyRef:
      name: {{ .Release.Name }}-postgresql
      key: password
{{- end }}
{{- define "social.pod" -}}
serviceAccountName: {{ .Release.Name }}
securityContext:
  fsGroup: 991
  runAsUser: 991
{{- end }}
