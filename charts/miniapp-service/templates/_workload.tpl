{{- /* SPDX-License-Identifier: GPL-3.0-or-later */ -}}
{{- /* What a Deployment and a Rollout have in common: everything but the strategy. */ -}}
{{- define "miniapp-service.workloadMetadata" -}}
name: {{ include "miniapp-service.name" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "miniapp-service.labels" . | nindent 2 }}
  app.kubernetes.io/component: server
annotations:
  # A service that changes its strategy keeps the old workload until the new one is healthy.
  argocd.argoproj.io/sync-options: PruneLast=true
{{- end -}}

{{- define "miniapp-service.workloadSpec" -}}
{{- if not .Values.autoscaling.enabled }}
replicas: {{ .Values.replicas }}
{{- end }}
revisionHistoryLimit: 3
selector:
  matchLabels:
    {{- include "miniapp-service.serverSelector" . | nindent 4 }}
strategy:
  {{- include "miniapp-service.strategy" . | nindent 2 }}
template:
  metadata:
    labels:
      {{- include "miniapp-service.labels" . | nindent 6 }}
      app.kubernetes.io/component: server
    annotations:
      checksum/config: {{ include "miniapp-service.configChecksum" . }}
      {{- if .Values.metrics.enabled }}
      prometheus.io/scrape: "true"
      prometheus.io/path: {{ .Values.metrics.path | quote }}
      prometheus.io/port: {{ .Values.metricsPort | default .Values.port | quote }}
      {{- end }}
  spec:
    {{- include "miniapp-service.podSecurity" . | nindent 4 }}
    topologySpreadConstraints:
      {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
      - maxSkew: 1
        topologyKey: {{ . }}
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            {{- include "miniapp-service.serverSelector" $ | nindent 12 }}
        {{- if include "miniapp-service.isBlueGreen" $ }}
        # Each version spreads by itself: where the other one is tells nothing about this one.
        matchLabelKeys:
          - rollouts-pod-template-hash
        {{- end }}
      {{- end }}
    containers:
      - name: {{ .Values.service }}
        {{- include "miniapp-service.container" . | nindent 8 }}
        {{- with .Values.args }}
        args:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        ports:
          - name: http
            containerPort: {{ .Values.port }}
            protocol: TCP
          {{- with .Values.metricsPort }}
          - name: http-metrics
            containerPort: {{ . }}
            protocol: TCP
          {{- end }}
        startupProbe:
          httpGet:
            path: {{ .Values.probes.startup.path }}
            port: http
          periodSeconds: 2
          failureThreshold: 30
        livenessProbe:
          httpGet:
            path: {{ .Values.probes.liveness.path }}
            port: http
          periodSeconds: 10
          timeoutSeconds: 2
        readinessProbe:
          httpGet:
            path: {{ .Values.probes.readiness.path }}
            port: http
          periodSeconds: 5
          timeoutSeconds: 2
        lifecycle:
          # Endpoints are withdrawn while the pod still serves; without the pause requests hit a closed port.
          preStop:
            sleep:
              seconds: 5
        resources:
          {{- toYaml .Values.resources | nindent 10 }}
{{- end -}}
