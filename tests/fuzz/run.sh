#!/usr/bin/env bash
# Runs fuzz targets one after another: tests/fuzz/run.sh SECONDS [TARGET…], all targets if none is named.
# What a target learned stays in $FUZZ_CORPUS (target/fuzz/corpus), what it found in target/fuzz/finds; each run adds a
# line to target/fuzz/runs.tsv: when, target, seconds, executions, edges, features, result.
set -uo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:?"how many seconds a target may take"}
shift
PATH=$PATH:$PWD/target/fuzz/tools/bin
command -v cargo-fuzz >/dev/null || cargo install --locked --quiet --root target/fuzz/tools cargo-fuzz || exit 1
# fixtool has no unsafe code, and an address sanitizer halves the speed; the targets bound their memory themselves.
cargo fuzz build --fuzz-dir tests/fuzz --sanitizer none --target-dir target/fuzz || exit 1
[ $# -gt 0 ] || mapfile -t all < <(cargo fuzz list --fuzz-dir tests/fuzz 2>/dev/null)
[ $# -gt 0 ] || set -- "${all[@]}"
corpus=${FUZZ_CORPUS:-target/fuzz/corpus}
bad=0
for target in "$@"; do
    mkdir -p "$corpus/$target" "target/fuzz/finds/$target" target/fuzz/logs
    log=target/fuzz/logs/$target.log
    begun=$(date +%s)
    "target/fuzz/x86_64-unknown-linux-gnu/release/$target" "$corpus/$target" "tests/fuzz/seeds/$target" \
        -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="target/fuzz/finds/$target/" >"$log" 2>&1
    result=$?
    [ $result -eq 0 ] || bad=1
    ran=$(($(date +%s) - begun))
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    reached=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -1)
    read -r _ edges _ features <<<"$reached"
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%FT%TZ)" "$target" "$ran" "${count:-?}" "${edges:-?}" "${features:-?}" \
        "$([ $result -eq 0 ] && echo clean || echo "found something, see $log")" | tee -a target/fuzz/runs.tsv
done
exit $bad
