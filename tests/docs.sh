#!/usr/bin/env bash
# The documents do what they say: see docs.py. Takes the folder of the built binaries, by default target/debug. Mermaid's own program and a browser
# are fetched once; without them no diagram is drawn, but on a build machine that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
mermaid=$HOME/.cache/countersign/mermaid-12.2.0
if ! [ -x /usr/bin/chromium ] && [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install --yes --no-install-recommends -qq chromium fonts-dejavu-core >/dev/null
fi
if ! [ -x "$mermaid/node_modules/.bin/mmdc" ]; then
    PUPPETEER_SKIP_DOWNLOAD=1 npm install --silent --no-save --prefix "$mermaid" @mermaid-js/mermaid-cli@12.2.0 >/dev/null || rm -rf "$mermaid"
fi
if [ -x "$mermaid/node_modules/.bin/mmdc" ] && [ -x /usr/bin/chromium ]; then
    export MERMAID=$mermaid/node_modules/.bin/mmdc
else
    echo 'skipped: no diagram is drawn, since mermaid-cli or chromium is not there'
    [ "${CI:-}" != true ] || exit 1
fi
python3 tests/docs.py "${1:-${CARGO_TARGET_DIR:-target}/debug}"
