#!/usr/bin/env bash
# Other programs read our module files, and ours read theirs: see interop.py. Takes the folder of the built binaries, by default
# target/debug. wasmsign2 and model_signing are fetched once; without them this is skipped, but not on a build machine.
set -euo pipefail
cd "$(dirname "$0")/.."
binaries=${1:-${CARGO_TARGET_DIR:-target}/debug}
cache=$HOME/.cache/countersign

missing() {
    [ "${CI:-}" != true ] || { echo "$1 could not be installed" >&2; exit 1; }
    echo "skipped: $1 could not be installed"
    exit 0
}

wasmsign2=$cache/tools/bin/wasmsign2
if [ "$("$wasmsign2" --version 2>/dev/null)" != 'wasmsign2-cli 0.2.8' ]; then
    # Not into the folder that the workspace is built in.
    env -u CARGO_TARGET_DIR cargo install --quiet --locked --force --root "$cache/tools" wasmsign2-cli@0.2.8 ||
        missing 'wasmsign2-cli 0.2.8'
fi
venv=$cache/interop-$(cksum <tests/interop-requirements.txt | cut -d ' ' -f 1)
if ! "$venv/bin/model_signing" --version >/dev/null 2>&1; then
    python3 -m venv --clear "$venv" && "$venv/bin/python" -m pip install --quiet --requirement tests/interop-requirements.txt || {
        rm -rf "$venv"
        missing 'the packages of tests/interop-requirements.txt'
    }
fi
"$venv/bin/python" tests/interop.py "$binaries" "$wasmsign2"
