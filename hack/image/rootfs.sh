#!/usr/bin/env bash
# Assembles what the image holds above its base: the binary, our licence, and the licences of all that is linked into it.
#   hack/image/rootfs.sh BINARY FOLDER
set -euo pipefail

binary="$1" folder="$2"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
documents="$folder/usr/share/doc/audience-sharing"

mkdir -p "$folder/usr/local/bin" "$documents"
install -m 0755 "$binary" "$folder/usr/local/bin/audience-sharing"
install -m 0644 "$root/LICENSE" "$documents/LICENSE"

# Every package that is built into the binary, once: its name, version and licence, and the texts that it ships.
cd "$root"
registry="${CARGO_HOME:-$HOME/.cargo}/registry/src"
{
    echo "The licences of what is linked into audience-sharing."
    "${CARGO:-cargo}" tree --locked --package audience-sharing-operator --edges normal --prefix none --format '{p}|{l}' |
        sed 's/ (\*)$//; s/ (proc-macro)//' | sort -u | grep -v ' (/' |
        while IFS='|' read -r package licence; do
            name="${package% v*}" version="${package##* v}"
            printf '\n=== %s %s: %s\n' "$name" "$version" "$licence"
            find "$registry"/*/"$name-$version" -maxdepth 1 -type f \
                \( -iname 'LICENSE*' -o -iname 'LICENCE*' -o -iname 'COPYING*' -o -iname 'NOTICE*' \) -print0 |
                sort -z | xargs -0 --no-run-if-empty cat
        done
} > "$documents/THIRD-PARTY-LICENSES"
