#!/usr/bin/env bash
# The clients of other servers work with ours: see clients.py. Takes the folder of the built binaries, by default target/debug.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/venv.sh
venv clients 'mlflow, pandas, requests, scipy, tritonclient.http' || exit 0
"$python" tests/clients.py "${1:-${CARGO_TARGET_DIR:-target}/debug}"
