#!/usr/bin/env bash
# Builds helm and the judge of health from the Go modules that go.mod pins, into .assets/tools/installation-<helm's
# version>/bin. Helm is built once; the judge as often as its source changes, which takes a second.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
version="$(sed -n 's|^[[:space:]]*helm.sh/helm/v3 v||p' "$here/go.mod")"
bin="$root/.assets/tools/installation-$version/bin"

say() { printf 'installation: %s\n' "$*"; }

if ! command -v go >/dev/null; then
    say "needs Go $(sed -n 's/^go //p' "$here/go.mod") or later to build helm $version" >&2
    exit 1
fi

# Built aside and renamed, so that an interrupted build never leaves a program that looks whole.
build() {
    local program="$1" package="$2" flags="$3"
    (cd "$here" && CGO_ENABLED=0 nice go build -trimpath -ldflags "$flags" -o "$bin/.$program.part" "$package")
    mv "$bin/.$program.part" "$bin/$program"
}

mkdir -p "$bin"
if [[ ! -x "$bin/helm" ]]; then
    say "building helm $version (about 2 minutes with an empty cache on two cores)…"
    # The Kubernetes that it renders for without a cluster: its own release scripts set it in the same way.
    minor="$(sed -n 's|^[[:space:]]*k8s.io/client-go v0\.\([0-9]*\).*|\1|p' "$here/go.mod")"
    flags="-s -w -X helm.sh/helm/v3/internal/version.version=v$version"
    for package in lint/rules chartutil; do
        flags+=" -X helm.sh/helm/v3/pkg/$package.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/$package.k8sVersionMinor=$minor"
    done
    build helm helm.sh/helm/v3/cmd/helm "$flags"
fi
if [[ ! -x "$bin/judge" || -n "$(find "$here/judge" "$here/go.mod" -newer "$bin/judge" -print -quit)" ]]; then
    build judge ./judge "-s -w"
fi
say "helm $version and the judge of health stand in ${bin#"$root"/}"
