// Only for the CRDs in its folder `config/crd/standard`; nothing of it is built.
module portcullis.dev/tests/controlplane/gateway-api

go 1.26.0

require sigs.k8s.io/gateway-api v1.6.1
