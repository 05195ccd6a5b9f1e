#!/usr/bin/env bash
# Builds helm, kubeconform and the judge of health from the Go modules that go.mod pins, into
# .assets/tools/installation-<helm's version>/bin, and beside it the schemas of the Kubernetes versions that the charts
# support. The judge is built as often as its source changes, which takes a second; all else once.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
version="$(sed -n 's|^[[:space:]]*helm.sh/helm/v3 v||p' "$here/go.mod")"
tools="$root/.assets/tools/installation-$version"
bin="$tools/bin"
# From the charts' kubeVersion to the latest; the last one whose modules are there of each.
kubernetes=(1.33.13 1.34.4 1.35.4 1.36.3 1.37.2)

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
if [[ ! -x "$bin/kubeconform" ]]; then
    say "building kubeconform…"
    build kubeconform github.com/yannh/kubeconform/cmd/kubeconform "-s -w"
fi
for release in "${kubernetes[@]}"; do
    schemas="$tools/schemas/v$release-standalone-strict"
    if [[ ! -d "$schemas" || -n "$(find "$here/schemas" -newer "$schemas" -print -quit)" ]]; then
        say "fetching the schemas of Kubernetes $release…"
        module="$(cd "$here" && go mod download -json "k8s.io/kubernetes@v$release" | sed -n 's|.*"Dir": "\(.*\)".*|\1|p')"
        rm -rf "$schemas" "$schemas.part"
        (cd "$here" && go run ./schemas "$module/api/openapi-spec/swagger.json" "$schemas.part")
        mv "$schemas.part" "$schemas"
    fi
done
say "helm $version, kubeconform and the judge of health stand in ${bin#"$root"/}"
