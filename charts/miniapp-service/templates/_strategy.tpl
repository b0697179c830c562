{{- /* SPDX-License-Identifier: GPL-3.0-or-later */ -}}
{{- /*
How a new version replaces the old one. This is the only place that knows strategies: another one adds its branches here
and its name to the enumeration in values.schema.json.
*/ -}}
{{- define "miniapp-service.isBlueGreen" -}}
{{- if eq .Values.strategy.type "BlueGreen" }}true{{ end -}}
{{- end -}}

{{- /* The object that owns the pods, for everything that refers to it. */ -}}
{{- define "miniapp-service.workload" -}}
{{- if include "miniapp-service.isBlueGreen" . -}}
apiVersion: argoproj.io/v1alpha1
kind: Rollout
{{- else -}}
apiVersion: apps/v1
kind: Deployment
{{- end }}
name: {{ include "miniapp-service.name" . }}
{{- end -}}

{{- define "miniapp-service.previewName" -}}
{{- $name := printf "%s-preview" (include "miniapp-service.name" .) -}}
{{- if gt (len $name) 63 -}}
{{- fail (printf "service: the name %s has %d characters; Kubernetes allows 63 for a Service, shorten %q" $name (len $name) .Values.service) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- /*
Rolling update: maxUnavailable 0 keeps the full number of ready pods during a rollout.
Blue/green: the whole new version stands beside the old one, reachable through the preview Service, until somebody promotes
it. Then the old one stays for a while, because not every node has learnt of the switch at once, and serves again at once
when it is needed. Active pods are marked as such, so that a disruption budget does not count those in preview.
*/ -}}
{{- define "miniapp-service.strategy" -}}
{{- if include "miniapp-service.isBlueGreen" . -}}
blueGreen:
  activeService: {{ include "miniapp-service.name" . }}
  previewService: {{ include "miniapp-service.previewName" . }}
  autoPromotionEnabled: {{ .Values.strategy.blueGreen.autoPromotionEnabled }}
  scaleDownDelaySeconds: {{ .Values.strategy.blueGreen.scaleDownDelaySeconds }}
  activeMetadata:
    labels:
      {{- include "miniapp-service.activeLabel" . | nindent 6 }}
  previewMetadata:
    labels:
      miniapp.fuze/role: preview
  # Not on the nodes of the other version where that can be had: what the old one leaves must not be what the new one needs.
  antiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      weight: 1
{{- else -}}
type: RollingUpdate
rollingUpdate:
  maxSurge: 1
  maxUnavailable: 0
{{- end -}}
{{- end -}}

{{- /* Set by the controller of a Rollout on the pods that the active Service leads to. */ -}}
{{- define "miniapp-service.activeLabel" -}}
miniapp.fuze/role: active
{{- end -}}

{{- /* The pods that traffic depends on. */ -}}
{{- define "miniapp-service.activeSelector" -}}
{{ include "miniapp-service.serverSelector" . }}
{{- if include "miniapp-service.isBlueGreen" . }}
{{ include "miniapp-service.activeLabel" . }}
{{- end }}
{{- end -}}
