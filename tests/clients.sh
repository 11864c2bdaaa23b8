#!/usr/bin/env bash
# The clients of other servers work with ours: see clients.py. Takes the folder of the built binaries, by default target/debug. The
# packages are fetched once; without them this is skipped, but not on a build machine.
set -euo pipefail
cd "$(dirname "$0")/.."
binaries=${1:-${CARGO_TARGET_DIR:-target}/debug}
venv=$HOME/.cache/countersign/clients-$(cksum <tests/clients-requirements.txt | cut -d ' ' -f 1)
if ! "$venv/bin/python" -c 'import mlflow, pandas, requests, scipy, tritonclient.http' 2>/dev/null; then
    python3 -m venv --clear "$venv" && "$venv/bin/python" -m pip install --quiet --requirement tests/clients-requirements.txt || rm -rf "$venv"
fi
if [ -d "$venv" ]; then
    "$venv/bin/python" tests/clients.py "$binaries"
elif [ "${CI:-}" = true ]; then
    echo 'the packages of tests/clients-requirements.txt could not be installed' >&2
    exit 1
else
    echo 'skipped: the packages of tests/clients-requirements.txt could not be installed'
fi
