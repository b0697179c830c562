{{- /* SPDX-License-Identifier: GPL-3.0-or-later */ -}}
{{- /*
Settings of the service as one flat map. Two sources that give the same variable are an error: which one would win is
nothing that the reader of the values could see.
*/ -}}
{{- define "miniapp-service.config" -}}
{{- $config := dict "MINIAPP_ENVIRONMENT" .Values.environment "MINIAPP_SERVICE" .Values.service -}}
{{- if .Values.jwksUrl -}}
{{- $_ := set $config "JWKS_URL" .Values.jwksUrl -}}
{{- end -}}
{{- range $flag, $on := .Values.featureFlags -}}
{{- $name := printf "FEATURE_%s" ($flag | replace "-" "_" | upper) -}}
{{- if hasKey $config $name -}}
{{- fail (printf "featureFlags.%s: %s is already set by another flag; rename one" $flag $name) -}}
{{- end -}}
{{- $_ := set $config $name (toString $on) -}}
{{- end -}}
{{- range $name, $value := .Values.env -}}
{{- if hasKey $config $name -}}
{{- fail (printf "env.%s: this variable is set by the chart (environment, service, jwksUrl or featureFlags); remove it from env" $name) -}}
{{- end -}}
{{- $_ := set $config $name $value -}}
{{- end -}}
{{- range .Values.secretEnv -}}
{{- if hasKey $config .name -}}
{{- fail (printf "secretEnv: %s is also a plain setting; keep one of the two" .name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
