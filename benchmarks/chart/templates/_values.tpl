{{/* What texts of the values are, and what follows from them. */}}

{{/* Text that may hold a template; evaluating costs, so plain text is passed by. Takes: root, value. */}}
{{- define "applications.text" -}}
{{- $text := kindIs "string" .value | ternary .value (toYaml .value) -}}
{{- if contains "{{" $text -}}
{{- tpl $text .root -}}
{{- else -}}
{{- $text -}}
{{- end -}}
{{- end }}

{{/* Text of an image: IMAGE:TAG. Takes: root, container. */}}
{{- define "applications.image" -}}
{{- $image := include "applications.text" (dict "root" .root "value" .container.image) -}}
{{- $tag := include "applications.text" (dict "root" .root "value" .container.imageTag) -}}
{{- printf "%s:%s" $image $tag -}}
{{- end }}

{{/* The account of a deployment's pods. Takes: root, name, deployment. */}}
{{- define "applications.account" -}}
{{- $made := empty .deployment.autoCreateServiceAccount | ternary "" .name -}}
{{- .deployment.serviceAccountName | default .root.Values.generic.serviceAccountName | default $made -}}
{{- end }}
