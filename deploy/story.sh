#!/usr/bin/env bash
# The whole delivery, by the scripts that the workflows call, against a real host that is never restarted: new loans in, candidate out,
# approval, module in the registry, the new version answers; refused loans and a missed gate stop it before approval; a rollback is one
# request. Takes the folder of the built binaries, by default target/debug.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug}"):$PATH
work=$(mktemp -d)
host=''
cleanup() {
    [ -z "$host" ] || { kill "$host" && wait "$host"; } 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

fail() { printf 'story: %s\n' "$*" >&2; cat "$work/log" >&2 2>/dev/null || true; exit 1; }
told() { printf -- '- %s\n' "$*"; }
# Runs a command that is to end with a code.
ends_with() {
    local wanted=$1 code=0
    shift
    "$@" >"$work/log" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || fail "ended with $code, not $wanted: $*"
}

registry=$work/registry
mkdir -p "$registry/approved"
countersign keygen --role job --out "$work/job.pem" --modules "$registry" >/dev/null
countersign keygen --role approver --name Ada --out "$work/ada.pem" --modules "$registry" >/dev/null
for role in predict ingest admin; do
    countersign tokens add --role $role --name $role --out "$work/$role.token" --tokens "$work/tokens.toml" >/dev/null
done
countersign serve --modules "$registry" --data "$work/data" --tokens "$work/tokens.toml" --listen 127.0.0.1:0 --poll-ms 100 \
    >"$work/said" 2>"$work/host.log" &
host=$!
for _ in $(seq 100); do grep -q 'listening on' "$work/said" && break; sleep 0.1; done
url=$(sed -n 's/^listening on //p' "$work/said")
[ -n "$url" ] || { cat "$work/host.log" >&2; fail 'the host did not start'; }
told "a host without a model, at $url"

# Waits until a version answers.
version_answers() {
    local answer=''
    for _ in $(seq 100); do
        answer=$(curl --silent --max-time 5 --header "authorization: Bearer $(cat "$work/predict.token")" "$url/v1/users/5008804/prediction")
        grep -q "\"version\":$1," <<<"$answer" && { told "version $1 answers: $answer"; return; }
        sleep 0.1
    done
    fail "version $1 does not answer: $answer"
}
train() { deploy/train.sh --registry "$registry" --key "$work/job.pem" --recipe extra-trees "$@"; }
approve() { APPROVER_KEY=$(cat "$work/ada.pem") deploy/approve.sh "$1" "$2" "$registry" Ada 'the figures hold' "${@:3}"; }
digest_of() { GITHUB_OUTPUT=$work/outputs deploy/review.sh "$1" "$registry" >/dev/null && sed -n 's/^digest=//p' "$work/outputs" | tail -1; }

feature-job sample --users 6000 --seed 7 --out "$work/loans-1.csv" >/dev/null
first=$work/first/modules/candidates/credit-risk-1.wasm
ends_with 0 train --loans "$work/loans-1.csv" --as-of 2021-12-27 --out "$work/first"
told 'the first loans: a candidate that passes every gate'
ends_with 1 approve "$first" "sha256:$(printf '%064d' 0)"
[ -z "$(ls "$registry/approved")" ] || fail 'something was approved that was not reviewed'
told 'another digest than the reviewed one: not approved'
ends_with 0 approve "$first" "$(digest_of "$first")"
feature-job publish --features "$work/first/features.parquet" --to "$url" --token-file "$work/ingest.token" >/dev/null
version_answers 1

ends_with 5 train --loans "$work/loans-1.csv" --as-of 2021-12-27 --out "$work/again"
told 'the same loans again: nothing is due'
cut -d , -f 1-4 "$work/loans-1.csv" >"$work/broken.csv"
ends_with 3 train --loans "$work/broken.csv" --as-of 2022-03-01 --out "$work/broken"
[ ! -e "$work/broken/features.parquet" ] || fail 'refused loans left features behind'
told 'loans that are no loans: refused, with a report'

feature-job sample --users 7000 --seed 8 --out "$work/loans-2.csv" >/dev/null
ends_with 4 deploy/train.sh --registry "$registry" --key "$work/job.pem" --recipe baseline --loans "$work/loans-2.csv" --as-of 2022-02-27 --out "$work/bad"
bad=$work/bad/modules/candidates/credit-risk-2.wasm
ends_with 1 approve "$bad" "$(digest_of "$bad")"
version_answers 1
told 'a missed gate: the run stops, no approval without a reason why it does not matter, and nothing changed'

ends_with 0 train --loans "$work/loans-2.csv" --as-of 2022-02-27 --out "$work/second"
second=$work/second/modules/candidates/credit-risk-2.wasm
ends_with 0 approve "$second" "$(digest_of "$second")"
version_answers 2
cp "$second" "$work/credit-risk-1.wasm"
ends_with 1 deploy/registry.sh put "$work/credit-risk-1.wasm" "$registry"
told 'another module under a version that is taken: refused, and the first one stays'
COUNTERSIGN_TOKEN=$(cat "$work/admin.token") ends_with 0 deploy/rollback.sh "$url" credit-risk
version_answers 1
COUNTERSIGN_TOKEN=$(cat "$work/admin.token") ends_with 0 deploy/rollback.sh "$url" credit-risk 2
version_answers 2

sed -i 's/approvals_required = 1/approvals_required = 2/' "$registry/trust.toml"
countersign keygen --role approver --name Ben --out "$work/ben.pem" --modules "$registry" >/dev/null
ends_with 0 train --loans "$work/loans-2.csv" --as-of 2022-02-28 --out "$work/third" --always
third=$work/third/modules/candidates/credit-risk-3.wasm
digest=$(digest_of "$third")
ends_with 0 approve "$third" "$digest"
[ ! -e "$registry/approved/credit-risk-3.wasm" ] || fail 'one approval was enough where two are asked for'
APPROVER_KEY=$(cat "$work/ben.pem") ends_with 0 deploy/approve.sh "$third" "$digest" "$registry" Ben 'I looked at it too'
version_answers 3
told 'where two approvers are asked for, a version waits for the second'

oha=$(command -v oha || echo "$HOME/.cache/countersign/tools/bin/oha")
if [ -x "$oha" ]; then
    # A tenth of what a day asks for, for a second a stage: what it is about here is that it can be run, not how fast.
    seq 5008804 5010803 >"$work/users"
    sed 's/^p99_ms = .*/p99_ms = 60_000/; s/^offered_share_min = .*/offered_share_min = 0.1/' deploy/load/day.toml >"$work/any.toml"
    ends_with 0 env OHA="$oha" deploy/load/load.py "$work/any.toml" --host "$url" --token-file "$work/predict.token" \
        --users "$work/users" --seconds 1 --scale 0.1
    sed 's/^p99_ms = .*/p99_ms = 0/' deploy/load/day.toml >"$work/never.toml"
    ends_with 1 env OHA="$oha" deploy/load/load.py "$work/never.toml" --host "$url" --token-file "$work/predict.token" \
        --users "$work/users" --seconds 1 --scale 0.1
    told 'a load by scenario: borne, and a threshold that nothing keeps is told'
else
    told 'skipped: no load, since oha is not there (cargo install oha)'
fi

kill -0 "$host" && ! grep -qi panicked "$work/host.log" || fail 'the host did not live through it'
told 'one host from start to end'
