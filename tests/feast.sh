#!/usr/bin/env bash
# Feast's own server and ours, side by side: see feast_server.py. Takes the folder of the built binaries, by default target/debug.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/venv.sh
venv feast feast || exit 0
FEAST_USAGE=False "$python" tests/feast_server.py "${1:-${CARGO_TARGET_DIR:-target}/debug}"
