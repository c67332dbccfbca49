{{/* Checks: each stops the rendering with a sentence that names the place. */}}

{{/* Takes: name, deployment. */}}
{{- define "applications.checkDeployment" -}}
{{- if not .deployment.containers -}}
{{- fail (printf "deployments.%s: containers is required" .name) -}}
{{- end -}}
{{- range $name, $container := .deployment.containers -}}
{{- $place := printf "deployments.%s.containers.%s" $.name $name -}}
{{- include "applications.checkContainer" (dict "place" $place "container" $container) -}}
{{- end -}}
{{- with .deployment.migrations -}}
{{- if and .enabled (not (or .args .command .steps)) -}}
{{- fail (printf "deployments.%s.migrations: nothing to run" $.name) -}}
{{- end -}}
{{- end -}}
{{- include "applications.checkCompanions" . -}}
{{- end }}

{{/* What is made beside a Deployment. Takes: name, deployment. */}}
{{- define "applications.checkCompanions" -}}
{{- if and .deployment.autoCreateIngress (not (.deployment.ingress | default dict).hosts) -}}
{{- fail (printf "deployments.%s.ingress: hosts is required" .name) -}}
{{- end -}}
{{- if and .deployment.autoCreateCertificate (not .deployment.autoCreateIngress) -}}
{{- fail (printf "deployments.%s: autoCreateCertificate requires autoCreateIngress" .name) -}}
{{- end -}}
{{- range (.deployment.serviceMonitor | default dict).endpoints -}}
{{- if not .port -}}
{{- fail (printf "deployments.%s.serviceMonitor: an endpoint needs a port" $.name) -}}
{{- end -}}
{{- end -}}
{{- with .deployment.pdbConfig -}}
{{- if and (hasKey . "minAvailable") (hasKey . "maxUnavailable") -}}
{{- fail (printf "deployments.%s.pdbConfig: minAvailable or maxUnavailable, not both" $.name) -}}
{{- end -}}
{{- end -}}
{{- with .deployment.hpa -}}
{{- if not (and .maxReplicas .metrics) -}}
{{- fail (printf "deployments.%s.hpa: maxReplicas and metrics are required" $.name) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Takes: place, container. */}}
{{- define "applications.checkContainer" -}}
{{- $place := .place -}}
{{- range $key := list "image" "imageTag" -}}
{{- if not (hasKey $.container $key) -}}
{{- fail (printf "%s: %s is required" $place $key) -}}
{{- end -}}
{{- end -}}
{{- range $name, $port := .container.ports -}}
{{- $number := int $port.containerPort -}}
{{- if or (lt $number 1) (gt $number 65535) -}}
{{- fail (printf "%s.ports.%s: containerPort must be 1 to 65535" $place $name) -}}
{{- end -}}
{{- end -}}
{{- range $index, $variable := .container.env -}}
{{- if not $variable.name -}}
{{- fail (printf "%s.env[%d]: name is required" $place $index) -}}
{{- end -}}
{{- if not (or (hasKey $variable "value") $variable.valueFrom) -}}
{{- fail (printf "%s.env[%d]: value or valueFrom is required" $place $index) -}}
{{- end -}}
{{- end -}}
{{- range $index, $source := .container.envFrom -}}
{{- if not (has $source.type (list "configMap" "secret")) -}}
{{- fail (printf "%s.envFrom[%d]: type must be configMap or secret" $place $index) -}}
{{- end -}}
{{- if not $source.configName -}}
{{- fail (printf "%s.envFrom[%d]: configName is required" $place $index) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Takes: name, config. */}}
{{- define "applications.checkConfig" -}}
{{- if not (has .config.type (list "configMap" "secret")) -}}
{{- fail (printf "configs.%s: type must be configMap or secret" .name) -}}
{{- end -}}
{{- if not .config.data -}}
{{- fail (printf "configs.%s: data is required" .name) -}}
{{- end -}}
{{- end }}
