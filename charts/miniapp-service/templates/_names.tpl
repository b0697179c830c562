{{- /* SPDX-License-Identifier: GPL-3.0-or-later */ -}}
{{- /* Name of every object: {environment}-miniapp-{service}. */ -}}
{{- define "miniapp-service.name" -}}
{{- printf "%s-miniapp-%s" .Values.environment .Values.service -}}
{{- end -}}

{{- /* Image by digest: a tag can be moved after it was signed. */ -}}
{{- define "miniapp-service.image" -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- end -}}
