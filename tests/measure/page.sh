#!/usr/bin/env bash
# The live page over a sweep of many trials with many workers: what it costs the coordinator and a browser. One
# coordinator, one worker that fills the tables, then many that run slowly. Prints figures, tests nothing.
#   tests/measure/page.sh PROGRAM [TRIALS] [WORKERS]
set -euo pipefail
program=$1
trials=${2:-1000000}
workers=${3:-200}
here=$(cd "$(dirname "$0")" && pwd)
export PARSIMONY_PAGE="${PARSIMONY_PAGE:-${XDG_CACHE_HOME:-$HOME/.cache}/parsimony/page}"
folder=$(mktemp -d)
started=()
finish() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

# A tenth more than is filled, for those that run slowly.
cat >"$folder/grid.toml" <<TOML
name = "grid"
[axes]
"init.scale" = { log = [1e-3, 1.0], points = 20 }
"problem.rank" = [1, 2]
"replicate" = { range = [0, $((trials / 40))] }
[problem]
kind = "factorization"
dim = 2
[train]
steps = 1
engine = "full"
[measure]
every = 1
metrics = ["train_loss", "spectrum"]
TOML
"$program" coordinator --listen 127.0.0.1:0 --data "$folder/data" --web 127.0.0.1:0 >"$folder/listening" 2>/dev/null &
coordinator=$!
started+=("$coordinator")
until grep -q 'live page' "$folder/listening"; do sleep 0.05; done
url=$(sed -n 's/^listening on //p' "$folder/listening")
page=$(sed -n 's/^live page on \([^ ]*\).*/\1/p' "$folder/listening")
export PARSIMONY_COORDINATOR=$url
"$program" worker --threads 2 >/dev/null 2>&1 &
filling=$!
started+=("$filling")
"$program" submit "$folder/grid.toml" >/dev/null
"$program" watch grid >/dev/null 2>&1
kill "$filling"
sed -i "s/range = \[0, $((trials / 40))\]/range = [0, $((trials / 36))]/" "$folder/grid.toml"
for number in $(seq "$workers"); do
    PARSIMONY_FAULT_SLOW_MS=2000 "$program" worker --threads 1 --name "worker-$number" >/dev/null 2>&1 &
    started+=("$!")
done
"$program" submit "$folder/grid.toml" >/dev/null
until [ "$("$program" workers --json | grep -c '"name"')" -ge "$workers" ]; do sleep 0.5; done
ticks() { awk '{print $14 + $15}' "/proc/$coordinator/stat"; }
share() { # of a core, over 20 seconds
    local before
    before=$(ticks)
    sleep 20
    echo "$(($(ticks) - before)) $(getconf CLK_TCK)" | awk '{printf "%.1f %%", 100 * $1 / $2 / 20}'
}
echo "$("$program" query "$folder/data/grid" "SELECT count(*) AS n FROM trials" --csv | tail -n 1) trials, $workers workers"
echo "coordinator, nobody looks: $(share) of a core"
echo "| view | first paint | filled | of a core, browser | heap | requests a second |"
echo "| --- | --- | --- | --- | --- | --- |"
node "$here/page.mjs" "$page" grid 20 &
looking=$!
echo "coordinator, a page is open: $(share) of a core" >"$folder/open"
wait "$looking"
cat "$folder/open"
