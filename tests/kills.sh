#!/usr/bin/env bash
# Kills `features`, `train` and `run` outright 50 times each, or as often as the first argument says, at moments drawn from the
# seed COUNTERSIGN_SEED (1 by default), and prints how often a run was hit and what it left.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --workspace --locked
COUNTERSIGN_KILLS=${1:-50} cargo test --workspace --locked --test killed_job -- --nocapture --test-threads 1
