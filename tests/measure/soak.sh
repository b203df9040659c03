#!/usr/bin/env bash
# What a coordinator costs that has seen many sweeps: memory, threads and descriptors after 10 tiny sweeps and after
# N (default 2000), with 10 more running all the while.
#
#   cargo build --release && tests/measure/soak.sh [N] [BINARY]
set -euo pipefail
many=${1:-2000}
program=${2:-target/release/parsimony}
program=$(realpath "$program")
home=$(mktemp -d)
started=()
finish() {
  for id in "${started[@]}"; do kill "$id" 2>/dev/null || true; done
  wait || true
  rm -rf "$home"
}
trap finish EXIT
cd "$home"

sweep() { # name trials steps
  cat >"$1.toml" <<TOML
name = "$1"
[axes]
"replicate" = { range = [0, $2] }
[problem]
kind = "factorization"
dim = 8
[train]
steps = $3
engine = "full"
[measure]
every = 0
metrics = ["train_loss"]
TOML
}

"$program" coordinator --listen 127.0.0.1:0 --data data >words 2>talk &
coordinator=$!
started+=("$coordinator")
until grep -q '^listening on' words; do sleep 0.05; done
PARSIMONY_COORDINATOR=$(sed -n 's/^listening on //p' words)
export PARSIMONY_COORDINATOR
"$program" worker --threads 2 --name soak >/dev/null 2>worker-talk &
started+=("$!")

# Ten that do not end; the tiny ones go first.
for k in $(seq 10); do
  sweep "long$k" 1000000 20000
  "$program" submit "long$k.toml" --priority=-1 >/dev/null 2>&1
done

unfinished() { # of the tiny ones
  "$program" list | awk '/^tiny/ && $2 != "finished"' | wc -l
}

row() { # sweeps
  local status=/proc/$coordinator/status
  printf '%8s %10s %8s %12s\n' "$1" \
    "$(awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "$status")" \
    "$(awk '/^Threads/ { print $2 }' "$status")" \
    "$(ls "/proc/$coordinator/fd" | wc -l)"
}

printf '%8s %10s %8s %12s\n' sweeps 'RSS (MB)' threads descriptors
at=0
upto() {
  while ((at < $1)); do
    at=$((at + 1))
    sweep "tiny$at" 2 5
    "$program" submit "tiny$at.toml" >/dev/null 2>&1
  done
  until (($(unfinished) == 0)); do sleep 0.5; done
  # Sweeps that are done come to rest.
  sleep 3
  row "$1"
}
upto 10
upto "$many"
begun=$(date +%s.%N)
"$program" list >/dev/null
printf 'list of %d sweeps: %.2f s\n' $((many + 10)) "$(echo "$(date +%s.%N) - $begun" | bc)"
