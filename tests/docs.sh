#!/usr/bin/env bash
# Every document does what it says: see docs.py. Takes the folder of the built binaries, by default target/debug, and the documents, by
# default all.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 tests/docs.py "${1:-${CARGO_TARGET_DIR:-target}/debug}" "${@:2}"
