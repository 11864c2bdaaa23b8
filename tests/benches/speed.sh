#!/usr/bin/env bash
# How fast the host answers, against a bare server and the usual rivals, all started here: tests/benches/speed.sh [ROUNDS [SECONDS [BINARIES]]]. Takes
# `wrk` (apt-get install wrk); the rivals' packages are fetched once, each into a place of its own. Run `cargo build --workspace --all-targets`
# before.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v wrk >/dev/null || { echo 'wrk is missing: apt-get install wrk' >&2; exit 1; }
rival() {
    venv=$HOME/.cache/countersign/rival-$1-$(echo "${@:2}" | cksum | cut -d ' ' -f 1)
    if ! [ -e "$venv/done" ]; then
        python3 -m venv --clear "$venv" && "$venv/bin/python" -m pip install --quiet "${@:2}" && touch "$venv/done" || return 0
    fi
    echo "$venv/bin/python"
}
export RIVAL_FASTAPI RIVAL_MLSERVER RIVAL_FEAST
RIVAL_FASTAPI=$(rival fastapi fastapi==0.165.0 uvicorn[standard]==0.54.0 scikit-learn==1.9.1 joblib pandas pyarrow)
RIVAL_MLSERVER=$(rival mlserver mlserver==1.7.1 mlserver-sklearn==1.7.1)
RIVAL_FEAST=$(rival feast "$(cat tests/feast-requirements.txt)")
PYTHONPATH=tests exec python3 tests/benches/speed.py "${3:-${CARGO_TARGET_DIR:-target}/debug}" "${1:-5}" "${2:-5}"
