#!/usr/bin/env bash
# Draws the gallery of the book anew: docs/gallery.sh [PROGRAM]. Takes a minute; needs nothing but the program.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-target/release/parsimony}
out=docs/src/images/gallery
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
mkdir -p "$out"

run() { "$program" run "$1" --out "$runs/$2" "${@:3}" > /dev/null 2>&1; }
draw() { "$program" plot "$runs/$1" --width "${width:-480}" --out "$out/$2.svg" "${@:3}"; }

run docs/gallery.toml gallery
run sweeps/quickstart.toml quickstart
run sweeps/weight-decay-rank.toml decay
run sweeps/fig-invariant-subspace.toml subspace
run sweeps/fig-collapse-init-scale.toml collapse
run sweeps/digits.toml digits --set train.steps=1000

draw quickstart curves --name curves
draw decay line --name rank
draw gallery heatmap --kind heatmap --x optimizer_rate --y init_scale --title "train loss after 100 steps"
width=620 draw subspace spectrum --kind spectrum --facet layer --where "layer > 0"
width=620 draw subspace angles --kind angles --facet layer --where "layer > 0"
draw collapse separation --kind separation --color init_scale
draw quickstart scatter --kind scatter --x flops --y train_loss --color init_kind
width=620 draw quickstart parallel --kind parallel
draw quickstart importance --kind importance
draw digits distribution --kind distribution --x init_kind --value test_accuracy --facet network_depth
draw gallery dark --kind heatmap --x optimizer_rate --y init_scale --theme dark --title "train loss after 100 steps"
