{{- /* SPDX-License-Identifier: GPL-3.0-or-later */ -}}
{{- /* What never changes in the life of a service: selectors are immutable. */ -}}
{{- define "miniapp-service.identity" -}}
app.kubernetes.io/name: {{ .Values.service }}
app.kubernetes.io/instance: {{ include "miniapp-service.name" . }}
{{- end -}}

{{- /* The pods that serve requests; pods of the CronJobs carry another component and get no traffic. */ -}}
{{- define "miniapp-service.serverSelector" -}}
{{ include "miniapp-service.identity" . }}
app.kubernetes.io/component: server
{{- end -}}

{{- /* Labels of every object. The managed ones win over values.labels. */ -}}
{{- define "miniapp-service.labels" -}}
{{- $managed := dict
  "app.kubernetes.io/version" .Values.version
  "app.kubernetes.io/part-of" .Values.partOf
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version)
  "miniapp.fuze/environment" .Values.environment
  "miniapp.fuze/owner" .Values.owner -}}
{{- $identity := include "miniapp-service.identity" . | fromYaml -}}
{{- toYaml (merge $identity $managed .Values.labels) -}}
{{- end -}}
