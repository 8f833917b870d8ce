{{- define "policyc.labels" -}}
app.kubernetes.io/name: policyc
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: policyc
{{- end }}

{{- define "policyc.selector" -}}
app.kubernetes.io/name: policyc
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "policyc.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- if .Values.image.digest }}{{ $image = printf "%s@%s" $image .Values.image.digest }}{{ end -}}
{{ $image }}
{{- end }}
