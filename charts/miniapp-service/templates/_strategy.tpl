{{- /* SPDX-License-Identifier: GPL-3.0-or-later */ -}}
{{- /*
How a new version replaces the old one. This is the only place that knows strategies: another one (blue/green) adds a
branch here and its name to the enumeration in values.schema.json.
maxUnavailable 0 keeps the full number of ready pods during a rollout.
*/ -}}
{{- define "miniapp-service.strategy" -}}
{{- if eq .Values.strategy.type "RollingUpdate" -}}
type: RollingUpdate
rollingUpdate:
  maxSurge: 1
  maxUnavailable: 0
{{- end -}}
{{- end -}}
