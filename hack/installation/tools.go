//go:build tools

// Package installation pins what the tests of an installation use: Helm, kubeconform, the library by which Flux judges
// the state of an object, and the Lua that Argo CD runs its health checks in. Nothing here is ever compiled into the
// operator.
package installation

import (
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
	_ "helm.sh/helm/v3/cmd/helm"
)
