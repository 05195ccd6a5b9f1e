#!/usr/bin/env bash
# Builds the programs that the tests start, from the Go modules that go.mod pins, into
# .assets/control-plane/<version>/bin. Builds only what is missing; where KUBEBUILDER_ASSETS holds them all, nothing.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
version="$(sed -n 's|^[[:space:]]*k8s.io/kubernetes v||p' "$here/go.mod")"
etcd_version="$(sed -n 's|^[[:space:]]*go.etcd.io/etcd/server/v3 v||p' "$here/go.mod")"
bin="$root/.assets/control-plane/$version/bin"
programs=(etcd kube-apiserver kube-controller-manager kubectl)

say() { printf 'control-plane: %s\n' "$*"; }

missing_in() {
    local program
    for program in "${programs[@]}"; do
        [[ -x "$1/$program" ]] || printf '%s ' "$program"
    done
}

if [[ -n "${KUBEBUILDER_ASSETS:-}" ]]; then
    missing="$(missing_in "$KUBEBUILDER_ASSETS")"
    if [[ -z "$missing" ]]; then
        say "KUBEBUILDER_ASSETS holds every program, nothing to build"
        exit 0
    fi
    say "KUBEBUILDER_ASSETS lacks: ${missing% }. Unset it, or put them there." >&2
    exit 1
fi

missing="$(missing_in "$bin")"
if [[ -z "$missing" ]]; then
    say "Kubernetes $version and etcd $etcd_version stand in ${bin#"$root"/}"
    exit 0
fi

if ! command -v go >/dev/null; then
    say "needs Go $(sed -n 's/^go //p' "$here/go.mod") or later to build ${missing% }. Install it, or point KUBEBUILDER_ASSETS at a folder with: ${programs[*]}" >&2
    exit 1
fi

minor="${version#*.}"
minor="${minor%%.*}"
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=v$version -X $package.gitMajor=${version%%.*} -X $package.gitMinor=$minor"
    flags+=" -X $package.gitTreeState=clean"
done

build() {
    local program="$1" package="$2" expected="$3"
    if [[ -x "$bin/$program" ]]; then
        return
    fi
    say "building $program (about $expected with an empty cache on two cores)…"
    local started=$SECONDS
    # Built aside and renamed, so that an interrupted build never leaves a program that looks whole.
    (cd "$here" && CGO_ENABLED=0 nice go build -trimpath -ldflags "$flags" -o "$bin/.$program.part" "$package")
    mv "$bin/.$program.part" "$bin/$program"
    say "built $program in $((SECONDS - started)) s"
}

mkdir -p "$bin"
say "fetching the Go modules of Kubernetes $version and etcd $etcd_version…"
(cd "$here" && go mod download)
build etcd go.etcd.io/etcd/server/v3 "1 minute"
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "4 minutes"
build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager "1 to 2 minutes"
build kubectl k8s.io/kubernetes/cmd/kubectl "half a minute"
say "Kubernetes $version and etcd $etcd_version stand in ${bin#"$root"/}"
