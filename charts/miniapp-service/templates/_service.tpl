{{- /* SPDX-License-Identifier: GPL-3.0-or-later */ -}}
{{- define "miniapp-service.serviceSpec" -}}
type: ClusterIP
{{- if not (include "miniapp-service.isBlueGreen" .) }}
# The controller of a Rollout writes the selector of its Services, and nobody else may: Kubernetes treats it as one value, so
# that a server-side apply of these labels would take the version out of it, and the next version would be live at once.
selector:
  {{- include "miniapp-service.serverSelector" . | nindent 2 }}
{{- end }}
ports:
  - name: http
    port: 80
    protocol: TCP
    targetPort: http
{{- end -}}
