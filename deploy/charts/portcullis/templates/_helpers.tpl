{{/* What every object is found by. */}}
{{- define "portcullis.labels" -}}
app.kubernetes.io/name: portcullis
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* The user that the service account is to the API server. */}}
{{- define "portcullis.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:portcullis
{{- end }}

{{- define "portcullis.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Whom the container and the hook run as: the strictest of Kubernetes' own standards. */}}
{{- define "portcullis.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "portcullis.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/*
For what the chart makes empty and Portcullis fills. Helm, kubectl and Flux leave alone what they do not set themselves; these
say so to whoever would not. Argo CD applies it server-side; where it still shows a difference, the Application ignores what
the field manager `portcullis` owns (`ignoreDifferences` with `managedFieldsManagers: [portcullis]`).
*/}}
{{- define "portcullis.leftAlone" -}}
argocd.argoproj.io/sync-options: ServerSideApply=true
kustomize.toolkit.fluxcd.io/ssa: Merge
{{- end }}
