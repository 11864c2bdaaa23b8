#!/usr/bin/env bash
# Holds what a deployment is made of against the programs that will read it, as far as they can be had without a cluster: one line for
# each check, and an error where one failed.
#
#   deploy/check.sh [BINARIES [SCRAPE]]
#
#   BINARIES   the folder of the built programs, by default target/debug
#   SCRAPE     what a host has shown at /metrics; by default one is started for it, with two models and all that is optional
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
source tests/venv.sh
binaries=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug}")
scrape=${2:+$(realpath "$2")}
venv deploy 'check_jsonschema, kubernetes_validate, promql_parser, yaml, yamllint' deploy/requirements.txt || exit 0

failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Runs a check quietly, and says how it went: check WHAT COMMAND..
check() {
    local what=$1
    shift
    # On its own, since in a condition a function would go on past its first error.
    "$@" >"$work/log" 2>&1 &
    if wait $!; then printf 'ok     %s\n' "$what"; else
        printf 'FAILED %s\n' "$what"
        sed 's/^/       /' "$work/log"
        failed=1
    fi
}
# Says what could not be checked; on a build machine that is a failure.
skip() {
    printf 'skipped %s\n' "$*"
    [ "${CI:-}" != true ] || failed=1
}

# Lines may be long, and short lists stand on one line; all else is a matter of how YAML is read.
style='{extends: default, rules: {line-length: disable, document-start: disable, braces: {max-spaces-inside: 1},
    comments: {min-spaces-from-content: 1}, comments-indentation: disable, truthy: {check-keys: false}}}'
mapfile -t yaml < <(git ls-files --cached --others --exclude-standard -- '*.yml' '*.yaml')
check "yamllint: ${#yaml[@]} files" "$python" -m yamllint --strict --config-data "$style" "${yaml[@]}"

schema() { "$python" -m check_jsonschema --builtin-schema "vendor.$1" "${@:2}"; }
check 'compose.yaml, by the schema of the Compose Specification' schema compose-spec compose.yaml
if docker compose version >/dev/null 2>&1; then
    check 'compose.yaml, by docker compose' docker compose --file compose.yaml --profile '*' config --quiet
else
    echo 'skipped docker compose is not there; what compose.yaml names is looked for below'
fi

if command -v kubectl >/dev/null; then
    mkdir "$work/built" "$work/overlays"
    build() { kubectl kustomize "$1" >"$work/built/$(basename "$1").yaml"; }
    for overlay in deploy/kubernetes/overlays/*/; do
        check "$overlay, by kustomize" build "$overlay"
        # The components that none of them takes by itself.
        for component in otlp deployer; do
            with=$work/overlays/$(basename "$overlay")-$component
            mkdir "$with"
            from_there() { realpath --relative-to="$with" "$1"; }
            printf 'namespace: countersign\nresources: [%s]\ncomponents: [%s]\n' "$(from_there "$overlay")" \
                "$(from_there "deploy/kubernetes/components/$component")" >"$with/kustomization.yaml"
            check "$overlay with components/$component, by kustomize" build "$with"
        done
    done
    "$python" deploy/check.py manifests "$binaries/countersign" "$work"/built/*.yaml || failed=1
    check 'host.sh puts images there, takes back its own alone, goes on where it was cut off, and needs the rights of components/deployer' \
        "$python" deploy/kubernetes/check_host.py "$work/built/production-deployer.yaml"
else
    skip 'kubectl is not there: no manifest was checked'
fi

# Packed as for a release, of programs that are none.
pack() {
    mkdir "$work/programs" "$work/released"
    printf '#!/bin/sh\n' | tee "$work/programs/countersign" >"$work/programs/feature-job"
    chmod +x "$work"/programs/*
    deploy/release.sh --pack "$work/released" "$work/programs"
    tar --extract --gzip --directory "$work/released" --strip-components 1 --file "$work"/released/*.tar.gz
    "$work/released/bin/countersign" && "$work/released/bin/feature-job"
    # On others' machines whoever reads it is not its owner.
    ! tar --list --verbose --file "$work"/released/*.tar.gz | grep --invert-match '^[d-]rw.r-.r-. '
}
check 'an archive as of a release: packed, with both programs' pack
"$python" deploy/check.py archive "$work/released" || failed=1

check 'limits.toml, by countersign' "$binaries/countersign" config --config deploy/kubernetes/base/limits.toml
for policy in deploy/kubernetes/base/trust.toml deploy/kubernetes/overlays/*/trust.toml; do
    check "$policy, by countersign" "$binaries/countersign" keys list --trust "$policy"
done

check 'load.py tells faults before it sends anything, and comes to its end' "$python" deploy/load/check_load.py

# Debian's package is unpacked and not installed: that would start a service.
promtool=$(command -v promtool || true)
tools=$HOME/.cache/countersign/prometheus
[ -n "$promtool" ] || promtool=$tools/usr/bin/promtool
if ! [ -x "$promtool" ] && [ "${CI:-}" = true ] && command -v apt-get >/dev/null; then
    mkdir -p "$tools"
    [ "$(id -u)" != 0 ] || apt-get update -qq || true
    (cd "$tools" && apt-get download -qq prometheus && dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb) >/dev/null 2>&1 || true
fi
if [ -x "$promtool" ]; then
    # The token is where Prometheus runs, and not here.
    check 'prometheus.yml, by promtool' "$promtool" check config --syntax-only deploy/prometheus/prometheus.yml
    check 'alerts.yml, by promtool' "$promtool" check rules deploy/prometheus/alerts.yml
    check 'alerts fire when they should, by promtool' "$promtool" test rules deploy/prometheus/alerts.test.yml
else
    skip 'promtool is not there (apt-get install prometheus): no rule was tried'
fi

# A host that has done all that it counts: two versions, one of them as a shadow, a refused file, a mirror, a log.
live_through() {
    local job=$binaries/feature-job countersign=$binaries/countersign url=''
    host=''
    mkdir -p "$work/modules/candidates" "$work/modules/approved"
    cp modules/trust.toml "$work/modules/"
    cd "$work"
    trap '[ -z "$host" ] || { kill "$host" && wait "$host"; }' EXIT
    "$job" sample --users 300 --seed 7 --out loans.csv
    "$job" features --input loans.csv --out features.parquet
    "$countersign" keygen --role job --out job.pem --modules modules
    "$countersign" keygen --role approver --name Ada --out ada.pem --modules modules
    for version in 1 2; do
        "$job" train --features features.parquet --recipe logistic --model credit-risk --key job.pem --out modules/candidates || [ $? -eq 4 ]
        "$countersign" approve "modules/candidates/credit-risk-$version.wasm" --yes --key ada.pem --by Ada --reason 'a test' \
            --override 'a test' --modules modules
    done
    cp modules/candidates/credit-risk-2.wasm modules/approved/not-approved.wasm
    "$countersign" serve --modules "file://$work/modules" --trust modules/trust.toml --data data --insecure-loopback \
        --listen 127.0.0.1:0 --poll-ms 100 --prediction-log predictions >host.out &
    host=$!
    for _ in $(seq 300); do
        url=$(sed -n 's/^listening on //p' host.out)
        [ -n "$url" ] && "$countersign" health --url "$url" --ready && break
        sleep 0.1
    done
    "$job" publish --features features.parquet --to "$url"
    ask() { curl --silent --show-error --fail --max-time 10 "$@"; }
    ask --request PUT --header 'content-type: application/json' --data '{"live": 2, "shadow": 1}' "$url/v1/models/credit-risk/traffic"
    # A shadow scores after the answer, and counts when it has.
    for _ in $(seq 100); do
        ask "$url/v1/users/5008804/prediction"
        ask "$url/metrics" >scrape
        grep --quiet '^countersign_shadow_mean_difference{' scrape && return
        sleep 0.1
    done
    echo 'the shadow scored nothing'
    return 1
}
if [ -z "$scrape" ]; then
    check 'a host to be watched' live_through
    scrape=$work/scrape
fi
if [ -s "$scrape" ]; then "$python" deploy/check.py watch "$scrape" || failed=1; fi
exit $failed
