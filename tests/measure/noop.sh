#!/usr/bin/env bash
# Trials a second with nothing to train (steps = 0, dim = 2) through gRPC into fsynced Parquet: one coordinator
# and one worker on this machine, and the coordinator's peak memory. Prints figures, tests nothing.
#   tests/measure/noop.sh [TRIALS] [THREADS]
set -euo pipefail
cd "$(dirname "$0")/../.."
trials=${1:-1000000}
threads=${2:-2}
target=${CARGO_TARGET_DIR:-target}
cargo build --release --quiet
program=$target/release/parsimony
folder=$(mktemp -d)
coordinator=
worker=
finish() {
    [ -z "$worker" ] || kill "$worker" 2>/dev/null || true
    [ -z "$coordinator" ] || kill "$coordinator" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

cat > "$folder/noop.toml" <<TOML
name = "noop"
[axes]
"replicate" = { range = [0, $trials] }
[problem]
kind = "factorization"
dim = 2
[train]
steps = 0
engine = "full"
[measure]
metrics = ["train_loss"]
TOML
"$program" coordinator --listen 127.0.0.1:0 --data "$folder/data" > "$folder/listening" &
coordinator=$!
until grep -q listening "$folder/listening"; do sleep 0.05; done
url=$(sed -n 's/^listening on //p' "$folder/listening")
"$program" worker --coordinator "$url" --threads "$threads" 2>/dev/null &
worker=$!
begun=$(date +%s.%N)
"$program" submit "$folder/noop.toml" --coordinator "$url" > /dev/null 2>&1
"$program" watch noop --coordinator "$url" 2> "$folder/said"
ended=$(date +%s.%N)
seconds=$(echo "$ended - $begun" | bc)
peak=$(awk '/VmHWM/ {print $2}' "/proc/$coordinator/status")
worker_peak=$(awk '/VmHWM/ {print $2}' "/proc/$worker/status")
rows=$("$program" query "$folder/data/noop" "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM trials" --csv | tail -n 1)
cat "$folder/said"
echo "$trials trials in $seconds s from submit to the last durable row: $(echo "$trials / $seconds" | bc) trials a second, worker threads $threads"
echo "rows, ids: $rows; parts: $(ls "$folder/data/noop/trials" | wc -l); coordinator peak $((peak / 1024)) MB, worker peak $((worker_peak / 1024)) MB"
