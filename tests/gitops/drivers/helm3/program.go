//go:build tools

// Helm 3, so that `go mod tidy` keeps what it needs.
package program

import (
	_ "helm.sh/helm/v3/cmd/helm"
)
