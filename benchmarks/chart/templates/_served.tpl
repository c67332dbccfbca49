{{/* Under which hosts and at which ports an application is served. */}}

{{/* A host: `host` as it is, else the subdomain below the general domain. Takes: root, entry. */}}
{{- define "applications.host" -}}
{{- if .entry.host -}}
{{- .entry.host -}}
{{- else -}}
{{- $general := .root.Values.generic.ingressesGeneral | default dict -}}
{{- printf "%s.%s" .entry.subdomain (required "generic.ingressesGeneral.domain is required" $general.domain) -}}
{{- end -}}
{{- end }}

{{/* The hosts of an ingress as a list in JSON. Takes: root, ingress. */}}
{{- define "applications.hosts" -}}
{{- $hosts := list -}}
{{- range .ingress.hosts -}}
{{- $hosts = append $hosts (include "applications.host" (dict "root" $.root "entry" .)) -}}
{{- end -}}
{{- toJson $hosts -}}
{{- end }}

{{/* The port of a Service, as JSON with name and number: the wanted one, else the first. Takes: deployment, wanted. */}}
{{- define "applications.port" -}}
{{- $chosen := dict -}}
{{- range .deployment.containers -}}
{{- range $name, $port := .ports -}}
{{- if or (empty $chosen) (eq $name $.wanted) -}}
{{- $chosen = dict "name" $name "number" ($port.servicePort | default $port.containerPort) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $chosen -}}
{{- end }}
