//go:build tools

// The controller of Flux that applies what is in git, so that `go mod tidy` keeps what it needs.
package program

import (
	_ "github.com/fluxcd/kustomize-controller"
)
