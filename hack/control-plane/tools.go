//go:build tools

// Package controlplane pins the programs that the tests start: a Kubernetes API server, its store, the controller
// manager and kubectl. The imports exist so that go.mod and go.sum hold exactly what these programs are built from;
// nothing here is ever compiled into the operator.
package controlplane

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
