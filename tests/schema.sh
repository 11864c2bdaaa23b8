#!/usr/bin/env bash
# Holds a host against its own OpenAPI document, by schemathesis: tests/schema.sh [SECONDS [BINARIES]].
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/venv.sh
venv schema schemathesis || exit 0
"$python" tests/schema.py "${2:-${CARGO_TARGET_DIR:-target}/debug}" "${1:-30}"
