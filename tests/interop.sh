#!/usr/bin/env bash
# Other programs read our module files, and ours read theirs: see interop.py. Takes the folder of the built binaries, by default
# target/debug. wasmsign2 is fetched once, too.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/venv.sh
binaries=${1:-${CARGO_TARGET_DIR:-target}/debug}
wasmsign2=$HOME/.cache/countersign/tools/bin/wasmsign2
if [ "$("$wasmsign2" --version 2>/dev/null)" != 'wasmsign2-cli 0.2.8' ]; then
    # Not into the folder that the workspace is built in.
    env -u CARGO_TARGET_DIR cargo install --quiet --locked --force --root "$HOME/.cache/countersign/tools" wasmsign2-cli@0.2.8 || {
        echo 'skipped: wasmsign2-cli 0.2.8 could not be installed'
        [ "${CI:-}" != true ] && exit 0 || exit 1
    }
fi
venv interop model_signing || exit 0
"$python" tests/interop.py "$binaries" "$wasmsign2"
