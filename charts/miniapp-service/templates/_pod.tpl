{{- /* SPDX-License-Identifier: GPL-3.0-or-later */ -}}
{{- /* Pod settings that the "restricted" Pod Security Standard asks for, plus a fixed unprivileged user. */ -}}
{{- define "miniapp-service.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
serviceAccountName: {{ include "miniapp-service.name" . }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
{{- end -}}

{{- /* What the server and the jobs have in common; the root file system is read-only, /tmp is the one place to write. */ -}}
{{- define "miniapp-service.container" -}}
image: {{ include "miniapp-service.image" . }}
imagePullPolicy: IfNotPresent
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop:
      - ALL
envFrom:
  - configMapRef:
      name: {{ include "miniapp-service.name" . }}
{{- with .Values.secretEnv }}
env:
  {{- range . }}
  - name: {{ .name }}
    valueFrom:
      secretKeyRef:
        name: {{ .secretName }}
        key: {{ .key }}
  {{- end }}
{{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{- /* A change of the settings changes this value, and with it the pod template: the pods roll. */ -}}
{{- define "miniapp-service.configChecksum" -}}
{{- include "miniapp-service.config" . | sha256sum -}}
{{- end -}}
