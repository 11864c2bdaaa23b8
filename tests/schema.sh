#!/usr/bin/env bash
# Holds a host against its own OpenAPI document, by schemathesis: tests/schema.sh [SECONDS [BINARIES]]. The package is fetched once; without it
# this is skipped, but not on a build machine.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
binaries=${2:-${CARGO_TARGET_DIR:-target}/debug}
venv=$HOME/.cache/countersign/schema-$(cksum <tests/schema-requirements.txt | cut -d ' ' -f 1)
if ! "$venv/bin/python" -c 'import schemathesis' 2>/dev/null; then
    python3 -m venv --clear "$venv" && "$venv/bin/python" -m pip install --quiet --requirement tests/schema-requirements.txt || rm -rf "$venv"
fi
if [ -d "$venv" ]; then
    "$venv/bin/python" tests/schema.py "$binaries" "$seconds"
elif [ "${CI:-}" = true ]; then
    echo 'the packages of tests/schema-requirements.txt could not be installed' >&2
    exit 1
else
    echo 'skipped: the packages of tests/schema-requirements.txt could not be installed'
fi
