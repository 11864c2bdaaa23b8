#!/usr/bin/env bash
# The whole delivery, by the scripts that the workflows call, against a real host that is never restarted: new loans in, candidate out,
# approval, module in the registry, the new version answers; refused loans and a missed gate stop it before approval; a rollback is one
# request; an approver's key is rotated while its module serves. The registry is a folder, and then a bucket of a stand-in for S3.
#
#   deploy/story.sh [BINARIES]     the folder of the built programs, by default target/debug
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
source tests/venv.sh
PATH=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug}"):$PATH
work=$(mktemp -d)
pids=() hosts=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" || true; done
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
# Starts a host with a registry, and gives its address in `url`.
start_host() {
    countersign serve --modules "$1" --trust "$registry/trust.toml" --data "$work/data-$2" --tokens "$work/tokens.toml" --listen 127.0.0.1:0 \
        --poll-ms 100 >"$work/said-$2" 2>"$work/host-$2.log" &
    pids+=($!) hosts+=($!)
    for _ in $(seq 100); do grep -q 'listening on' "$work/said-$2" && break; sleep 0.1; done
    url=$(sed -n 's/^listening on //p' "$work/said-$2")
    [ -n "$url" ] || { cat "$work/host-$2.log" >&2; fail 'the host did not start'; }
}
start_host "$registry" first
told "a host without a model, at $url"

# Not among curl's arguments, which everybody on this machine may read.
bearer() { printf 'authorization: Bearer %s' "$(cat "$work/$1.token")"; }
# Waits until a version answers.
version_answers() {
    local answer=''
    for _ in $(seq 100); do
        answer=$(curl --silent --max-time 5 --header @<(bearer predict) "$url/v1/users/5008804/prediction")
        grep -q "\"version\":$1," <<<"$answer" && { told "version $1 answers: $answer"; return; }
        sleep 0.1
    done
    fail "version $1 does not answer: $answer"
}
# Waits until the host says something of the model.
model_says() {
    local said=''
    for _ in $(seq 100); do
        said=$(curl --silent --max-time 5 --header @<(bearer predict) "$url/v1/models/credit-risk")
        jq --exit-status "$1" <<<"$said" >/dev/null && return
        sleep 0.1
    done
    fail "the host never says $1: $said"
}
file_digest() { printf 'sha256:%s' "$(sha256sum "$1" | cut -d ' ' -f 1)"; }
train() { GITHUB_STEP_SUMMARY=$work/summary deploy/train.sh --registry "$registry" --key "$work/job.pem" --recipe extra-trees "$@"; }
ada=$work/ada.pem
approve() { APPROVER_KEY=$(cat "$ada") deploy/approve.sh "$1" "$2" "$registry" Ada 'the figures hold' "${@:3}"; }
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
# What a verb said is in a block of its own, closed also where it failed; around them are headings, and a sentence on how it ended.
outside=$(awk '/^```/ { inside = !inside; next } !inside && NF && !/^(## (Loans|Training)|Every gate|A gate|Nothing was due)/; END { if (inside) print "an open block" }' \
    "$work/summary")
[ -z "$outside" ] && grep --quiet '^```text$' "$work/summary" || fail "the summary is no page: $outside"

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
mkdir "$work/wrong"
cp "$registry/approved/credit-risk-2.wasm" "$work/wrong/credit-risk-1.wasm"
was=$(file_digest "$registry/approved/credit-risk-1.wasm")
ends_with 1 deploy/registry.sh put "$work/wrong/credit-risk-1.wasm" "$registry"
grep --quiet 'another module' "$work/log" || fail 'it was refused for another reason'
cp "$first" "$work/wrong/credit-risk-1.wasm"
ends_with 1 deploy/registry.sh put "$work/wrong/credit-risk-1.wasm" "$registry"
grep --quiet 'not countersigned' "$work/log" || fail 'it was refused for another reason'
[ "$(file_digest "$registry/approved/credit-risk-1.wasm")" = "$was" ] || fail 'the first one was replaced'
told 'another module under a version that is taken, and its candidate: refused, and the first one stays'
COUNTERSIGN_TOKEN=$(cat "$work/admin.token") ends_with 0 deploy/rollback.sh "$url" credit-risk
version_answers 1
COUNTERSIGN_TOKEN=$(cat "$work/admin.token") ends_with 0 deploy/rollback.sh "$url" credit-risk 2
version_answers 2

old=$work/old/credit-risk-2.wasm
mkdir "$work/old"
cp "$registry/approved/credit-risk-2.wasm" "$old"
countersign keygen --role approver --name 'Ada 2027' --out "$work/ada-2027.pem" --modules "$registry" >/dev/null
ada=$work/ada-2027.pem
ends_with 0 approve "$second" "$(digest_of "$second")"
! cmp --quiet "$registry/approved/credit-risk-2.wasm" "$old" || fail 'the approval by the new key is not there'
model_says ".versions[] | select(.version == 2) | .state == \"live\" and .file_digest == \"$(file_digest "$registry/approved/credit-risk-2.wasm")\""
ends_with 0 countersign keys revoke Ada --reason rotated --modules "$registry"
model_says '.versions[] | select(.version == 1) | .state == "rejected"'
version_answers 2
told 'an approver'"'"'s key is rotated: the same module, approved anew, takes the place of the one before, and answered all the time'

sed -i 's/approvals_required = 1/approvals_required = 2/' "$registry/trust.toml"
countersign keygen --role approver --name Ben --out "$work/ben.pem" --modules "$registry" >/dev/null
ends_with 0 train --loans "$work/loans-2.csv" --as-of 2022-02-28 --out "$work/third" --always
third=$work/third/modules/candidates/credit-risk-3.wasm
ends_with 0 deploy/registry.sh put-candidate "$third" "$registry"
# Nobody has approved it yet, and its version is taken all the same.
ends_with 0 deploy/registry.sh get "$registry" "$work/copy" --candidates
cp "$registry/trust.toml" "$work/copy/"
ends_with 0 deploy/train.sh --registry "$work/copy" --key "$work/job.pem" --recipe logistic --loans "$work/loans-2.csv" --as-of 2022-02-28 \
    --out "$work/fourth" --always
fourth=$work/fourth/modules/candidates/credit-risk-4.wasm
[ "$(ls "$work/fourth/modules/candidates"/*.wasm)" = "$fourth" ] || fail "there is $(ls "$work/fourth/modules/candidates"), and not version 4 alone"
ends_with 0 deploy/registry.sh put-candidate "$fourth" "$registry"
ends_with 0 deploy/registry.sh put-candidate "$fourth" "$registry"
cp "$fourth" "$work/wrong/credit-risk-3.wasm"
ends_with 1 deploy/registry.sh put-candidate "$work/wrong/credit-risk-3.wasm" "$registry"
cmp --quiet "$third" "$registry/candidates/credit-risk-3.wasm" && [ -s "$registry/candidates/credit-risk-3.report.html" ] ||
    fail 'a candidate is not as it was put'
told 'two candidates before any approval: each has a version of its own, and neither is replaced'
digest=$(digest_of "$third")
ends_with 0 approve "$third" "$digest"
[ ! -e "$registry/approved/credit-risk-3.wasm" ] || fail 'one approval was enough where two are asked for'
APPROVER_KEY=$(cat "$work/ben.pem") ends_with 0 deploy/approve.sh "$third" "$digest" "$registry" Ben 'I looked at it too'
version_answers 3
told 'where two approvers are asked for, a version waits for the second'

# A load. What of it needs none is looked at by deploy/load/check_load.py.
oha=$(command -v oha || echo "$HOME/.cache/countersign/tools/bin/oha")
if [ -x "$oha" ]; then
    # A tenth of what a day asks for, for a second a stage: what it is about here is that it can be run, not how fast.
    seq 5008804 5010803 >"$work/users"
    load() {
        sed "$1" deploy/load/day.toml >"$work/load.toml"
        OHA=$oha deploy/load/load.py "$work/load.toml" --host "$url" --token-file "$work/predict.token" --users "$work/users" \
            --seconds 1 "${@:2}"
    }
    any='s/^p99_ms = .*/p99_ms = 60_000/; s/^offered_share_min = .*/offered_share_min = 0.1/'
    ends_with 0 load "$any" --scale 0.1
    ends_with 1 load 's/^p99_ms = .*/p99_ms = 0/' --scale 0.1
    ends_with 0 load "$any" --scale 0.5 --capacity --per-second-max 150
    grep --quiet 'held: 150 requests a second' "$work/log" || fail 'the search for the highest rate has not come to its end'
    told 'a load by scenario: borne, and a threshold that nothing keeps is told; the highest rate, up to a bound'
else
    told 'skipped: no load, since oha is not there (cargo install oha)'
fi

# The same with a bucket. What is asked of AWS is asked of a stand-in, by AWS's own program.
if venv aws 'awscli, moto' deploy/aws/requirements.txt; then
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ALLOW_HTTP=true AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1 \
        AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=not-a-secret AWS_EC2_METADATA_DISABLED=true PATH=${python%/python}:$PATH
    moto_server -H 127.0.0.1 -p "$port" >"$work/s3.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 100); do curl --silent --fail "$AWS_ENDPOINT_URL/moto-api/data.json" >/dev/null && break; sleep 0.1; done
    bucket=s3://models/credit
    ends_with 0 aws s3 mb s3://models
    sed -i 's/approvals_required = 2/approvals_required = 1/' "$registry/trust.toml"
    ends_with 0 deploy/registry.sh put "$registry/approved/credit-risk-2.wasm" "$bucket"
    start_host "$bucket" second
    feature-job publish --features "$work/second/features.parquet" --to "$url" --token-file "$work/ingest.token" >/dev/null
    version_answers 2
    cp "$registry/approved/credit-risk-3.wasm" "$work/wrong/credit-risk-2.wasm"
    ends_with 1 deploy/registry.sh put "$work/wrong/credit-risk-2.wasm" "$bucket"
    grep --quiet 'another module' "$work/log" || fail 'it was refused for another reason'
    # Approved anew by Ben, who may do so alone again.
    mkdir -p "$work/desk/approved"
    cp "$registry/trust.toml" "$work/desk/"
    ada=$work/ben.pem registry=$work/desk ends_with 0 approve "$second" "$(digest_of "$second")"
    again=$work/desk/approved/credit-risk-2.wasm
    # Whoever changes it between the look and the put is not written over.
    mkdir "$work/meanwhile"
    printf '#!/usr/bin/env bash\n%q "$@" || exit\n[[ "$*" != *get-object* ]] || %q s3 cp %q %q >&2\n' \
        "$(command -v aws)" "$(command -v aws)" "$old" "$bucket/approved/credit-risk-2.wasm" >"$work/meanwhile/aws"
    chmod +x "$work/meanwhile/aws"
    PATH=$work/meanwhile:$PATH ends_with 1 deploy/registry.sh put "$again" "$bucket"
    grep --quiet 'has changed meanwhile' "$work/log" || fail 'it was refused for another reason'
    ends_with 0 deploy/registry.sh put "$again" "$bucket"
    model_says ".versions[] | select(.version == 2) | .state == \"live\" and .file_digest == \"$(file_digest "$again")\""
    version_answers 2
    told 'in a bucket as well: another module is refused, the same one approved anew takes its place, and its host goes on'
    ends_with 0 deploy/registry.sh put-candidate "$third" "$bucket"
    ends_with 0 deploy/registry.sh put-candidate "$third" "$bucket"
    ends_with 1 deploy/registry.sh put-candidate "$work/wrong/credit-risk-3.wasm" "$bucket"
    ends_with 0 deploy/registry.sh get "$bucket" "$work/fetched" --candidates
    cmp --quiet "$again" "$work/fetched/approved/credit-risk-2.wasm" && cmp --quiet "$third" "$work/fetched/candidates/credit-risk-3.wasm" &&
        [ -s "$work/fetched/candidates/credit-risk-3.report.html" ] || fail 'what was put is not what is fetched'
    told 'candidates too'
fi

kill -0 "${hosts[@]}" && ! grep -i panicked "$work"/host-*.log || fail 'a host did not live through it'
told 'one host for each registry, from start to end'
