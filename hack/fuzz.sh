#!/usr/bin/env bash
# Fuzzes every parser of outside bytes, or those that are named, each for FUZZ_SECONDS (60), and prints for each how many
# inputs it ran and how many findings there are. Fails on a finding and says where its input lies.
#
# What a run learns stays in the build folder for the next one; FUZZ_KEEP=1 also adds to fuzz/corpus what reaches code
# that nothing there reaches, as many as a repository bears.
#
# FUZZ_JOBS run at a time: as many as there are processors.
#
# The compiler is the pinned stable one: it marks the branches (sancov), libFuzzer counts them.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly seconds=${FUZZ_SECONDS:-60}
readonly jobs=${FUZZ_JOBS:-$(nproc)}
readonly kept_bytes_max=15360
readonly kept_inputs_max=32
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
readonly target
host=$(rustc -vV | sed -n 's/^host: //p')
readonly host

flags=(
    --cfg fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0
)
CARGO_TARGET_DIR=$target RUSTFLAGS="${flags[*]}" \
    "${CARGO:-cargo}" build --quiet --locked --release --target "$host" --manifest-path fuzz/Cargo.toml
readonly program=$target/$host/release/fuzz

if [ $# -gt 0 ]; then
    names=("$@")
else
    mapfile -t names < <(cd fuzz/corpus && printf '%s\n' *)
fi

# Runs one target; says what came of it.
fuzz() {
    local name=$1 learned=$target/corpus/$1 found=$target/findings/$1 log=$target/$1.log ended=0
    mkdir -p "$learned" "$found"
    FUZZ_TARGET=$name "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$found/" "$learned" "fuzz/corpus/$name" >"$log" 2>&1 || ended=$?
    local runs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ -z "$runs" ]; then
        runs=$(grep -o '^#[0-9]*' "$log" | tail -1 | tr -d '#')
    fi
    local count=0
    [ "$ended" -eq 0 ] || count=1
    printf '%-30s %12s executions %3s findings\n' "$name" "${runs:-0}" "$count"
    if [ "$ended" -ne 0 ]; then
        grep -E 'panicked at|ERROR:|Test unit written' -A1 "$log" >&2 || tail -20 "$log" >&2
        return 1
    fi
    [ -z "${FUZZ_KEEP:-}" ] || keep "$name" "$learned"
}

# Adds what reaches more to the corpus that is committed, short and long ones alike.
keep() {
    local name=$1 learned=$2 folder=fuzz/corpus/$1 merged count bytes step
    merged=$(mktemp -d)
    cp "$folder"/* "$merged"
    FUZZ_TARGET=$name "$program" -set_cover_merge=1 -max_len=4096 "$merged" "$learned" >"$target/$name.merge.log" 2>&1
    # Of the fuzzer's, which are named by their hash; a person's stay whatever else comes.
    (cd "$folder" && for file in *; do rm -f "$merged/$file"; done)
    count=$(find "$merged" -type f | wc -l)
    bytes=$(cat "$folder"/* | wc -c)
    step=$(((count + kept_inputs_max - 1) / kept_inputs_max))
    while read -r size file; do
        bytes=$((bytes + size))
        [ "$bytes" -le "$kept_bytes_max" ] || break
        cp "$merged/$file" "$folder/"
    done < <(find "$merged" -type f -printf '%s %f\n' | sort -n | awk -v step="$step" 'NR % step == 0')
    rm -r "$merged"
}

echo "fuzz: ${#names[@]} targets, $seconds s each, $jobs at a time:"
failed=0
for name in "${names[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
        wait -n || failed=1
    done
    fuzz "$name" &
done
while [ -n "$(jobs -p)" ]; do
    wait -n || failed=1
done
exit "$failed"
