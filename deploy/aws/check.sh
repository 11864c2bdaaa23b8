#!/usr/bin/env bash
# Holds the Terraform files against the schema of the AWS provider, Terraform itself, the models of AWS's APIs, checkov's policies, and our own
# programs, without an account and without the provider, and rehearses the workflows, for Kubernetes as for AWS: one line for each check, and an
# error where one failed.
#
#   deploy/aws/check.sh [BINARIES]     the folder of the built programs, by default target/debug
#
# What cannot be told without an account: whether AWS takes it, and does what its documentation says.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/../.."
source tests/venv.sh
binaries=$(realpath --canonicalize-missing "${1:-${CARGO_TARGET_DIR:-target}/debug}")
here=deploy/aws
venv aws 'botocore, grpc, hcl2, moto, msgpack, policy_sentry' $here/requirements.txt || exit 0

# Its modules leave nothing beside themselves.
export PYTHONDONTWRITEBYTECODE=1
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
        return 1
    fi
}
# Says what could not be checked; on a build machine that is a failure.
skip() {
    printf 'skipped %s\n' "$*"
    [ "${CI:-}" != true ] || failed=1
}
# Runs what says its own lines; where it cannot have what it needs (75) it has said so.
says() {
    local code=0
    "$@" || code=$?
    case $code in 0) ;; 75) [ "${CI:-}" != true ] || failed=1 ;; *) failed=1 ;; esac
    return $code
}

scripts=("$here"/*.sh "$here"/containers/*.sh)
check "${#scripts[@]} scripts, by their shell" bash -c 'for script; do bash -n "$script"; done' - "${scripts[@]}" || true
says "$python" $here/check.py files && schema=yes || schema=''

if ! command -v terraform >/dev/null; then
    # No failure anywhere, since what is above holds most of it: but a build machine should have it.
    echo 'skipped terraform is not there: neither form, types and values, nor roles, containers and their story were checked'
else
    check 'terraform fmt' terraform fmt -check -diff -recursive $here || true
fi
if command -v terraform >/dev/null && [ -n "$schema" ]; then
    # Terraform itself, with a stand-in for the provider. The state is a file here, and no bucket.
    mkdir "$work/files"
    cp -r $here/*.tf $here/containers "$work/files/"
    cp $here/terraform.tfvars.example "$work/files/terraform.tfvars"
    printf 'terraform {\n  backend "local" {}\n}\n' >"$work/files/backend_override.tf"
    stand_in() { (cd "$work/files" && exec "$python" "$OLDPWD/$here/stand_in.py" "$@"); }
    applied() {
        stand_in terraform apply -input=false -no-color -auto-approve && stand_in terraform show -json >"$work/state.json"
    }
    if check 'terraform init' stand_in terraform init -input=false -no-color &&
        check 'terraform validate' stand_in terraform validate -no-color &&
        check 'terraform plan, with what only AWS knows left open' stand_in terraform plan -input=false -no-color &&
        # What is made on demand alone is looked at as well.
        printf 'github_environments = { deploy = ["production"], review = ["review"], approve = ["approval", "second-approval"], train = ["training"] }\n' \
            >"$work/files/all.auto.tfvars" &&
        check 'terraform apply, with what only AWS knows made up' applied; then
        says "$python" $here/check.py state "$work/state.json" "$binaries" || true
        if [ -x "$binaries/countersign" ] && [ -x "$binaries/feature-job" ] && type jq openssl curl >/dev/null 2>&1; then
            printf 'the containers of that apply, one after the other, with the real programs:\n'
            says "$python" $here/story.py "$work/state.json" "$binaries" || true
        else
            skip "the containers were not run: it takes jq, openssl, curl, and the programs in $binaries"
        fi
    fi
fi

# Without Terraform there is no apply, and ECS is left out.
state=$work/state.json
[ -s "$state" ] || state=''
if [ -x "$binaries/countersign" ] && [ -x "$binaries/feature-job" ] && type jq openssl curl kubectl >/dev/null 2>&1; then
    printf 'the workflows train, approve and deploy, step by step, with the real programs:\n'
    says "$python" $here/rehearse.py "$binaries" $state || true
else
    skip "the workflows were not rehearsed: it takes jq, openssl, curl, kubectl, and the programs in $binaries"
fi

# It brings a parser of its own that has the same name.
if venv checkov checkov $here/checkov-requirements.txt; then
    check "checkov, but for the $(grep -c '  - CKV' $here/.checkov.yaml) policies that .checkov.yaml names with reasons" \
        "${python%/python}/checkov" --config-file $here/.checkov.yaml --directory $here || true
fi
exit $failed
