#!/usr/bin/env bash
# Builds the guest template from its source once more, and fails where the compiler that the committed one was made with gives
# other bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
pinned=$(sed -n "s/^pinned='\(.*\)'/\1/p" guest-model/build.sh)
built=$(mktemp)
trap 'rm -f "$built"' EXIT
guest-model/build.sh "$built"
if cmp "$built" guest-model/template.wasm; then
    echo 'guest-model/template.wasm is what its source gives, byte for byte'
elif [ "$(dpkg-query -W -f '${Version}' rustc-web 2>/dev/null)" = "$pinned" ]; then
    echo 'guest-model/template.wasm is not what its source gives: run guest-model/build.sh, and commit what it makes' >&2
    exit 1
else
    echo "another compiler than rustc-web $pinned made other bytes, as is to be expected: nothing is proven"
fi
