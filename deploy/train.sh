#!/usr/bin/env bash
# New loans in, a candidate for approval out: validates, computes features, trains if it is time, and stops where a gate is missed.
#
#   deploy/train.sh --loans FILE.. --as-of DAY --registry FOLDER --key PEM --out FOLDER [--recipe NAME] [--model NAME] [--always]
#
#   --registry   the registry's folder, with approved/ and trust.toml: what the candidate is compared with, and whose word counts. Versions
#                count on from approved/ and from candidates/, if that is there: `deploy/registry.sh get REGISTRY FOLDER --candidates`. What
#                comes out takes its version with `deploy/registry.sh put-candidate`
#   --out        gets the features, the reports, the candidate and SHA256SUMS
#   --always     trains also where nothing is due
#
# Ends with 0 where a candidate may be put before an approver, and else with what stopped it: 3 the loans were refused, 4 a gate was
# missed, 5 nothing was due, 1 anything else. What it found goes to $GITHUB_STEP_SUMMARY as well, if that is set.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
loans=() as_of='' registry='' key='' out='' recipe=extra-trees model=credit-risk due=--if-due
while [ $# -gt 0 ]; do
    case $1 in
        --loans) shift; while [ $# -gt 0 ] && [[ $1 != --* ]]; do loans+=("$1"); shift; done ;;
        --as-of | --registry | --key | --out | --recipe | --model) [ $# -ge 2 ] || usage 2; name=${1#--}; declare "${name/-/_}=$2"; shift 2 ;;
        --always) due=''; shift ;;
        -h | --help) usage 0 ;;
        *) usage 2 >&2 ;;
    esac
done
[ ${#loans[@]} -gt 0 ] && [ -n "$as_of" ] && [ -n "$registry" ] && [ -n "$key" ] && [ -n "$out" ] || usage 2 >&2

page=${GITHUB_STEP_SUMMARY:-/dev/null}
summary() { tee -a "$page"; }
# Runs a verb, whose lines stand on the page as they are: outside of a block they would run into one.
shown() {
    local code=0
    printf '\n```text\n' >>"$page"
    "$@" 2>&1 | summary || code=$?
    printf '```\n\n' >>"$page"
    return $code
}
mkdir -p "$out/modules/candidates"
# The job sees the approved versions and the policy, and writes to neither.
ln -sfn "$(realpath "$registry")/approved" "$out/modules/approved"
ln -sfn "$(realpath "$registry")/trust.toml" "$out/modules/trust.toml"
# Earlier candidates that nobody has approved have taken their versions too. They are named beside the new one while it is made, and only then.
unname() { find "$out/modules/candidates" -type l -delete; }
unname
trap unname EXIT
for earlier in "$registry/candidates/$model"-*.wasm; do
    [ ! -e "$earlier" ] || [ -e "$out/modules/candidates/$(basename "$earlier")" ] || ln -s "$(realpath "$earlier")" "$out/modules/candidates/"
done

echo "## Loans as of $as_of" | summary
shown feature-job validate --input "${loans[@]}" --as-of "$as_of" --out "$out/quality"
shown feature-job features --input "${loans[@]}" --as-of "$as_of" --out "$out/features.parquet"

echo "## Training of $model by $recipe" | summary
code=0
shown feature-job retrain $due --features "$out/features.parquet" --recipe "$recipe" --model "$model" --key "$key" \
    --out "$out/modules/candidates" || code=$?
case $code in
    0) echo 'Every gate was passed: the candidate may be put before an approver.' | summary ;;
    4) echo 'A gate was missed: this goes no further. The report says which, and why it matters.' | summary ;;
    5) echo 'Nothing was due.' | summary ;;
esac
(cd "$out" && find features.parquet modules/candidates quality -type f | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
exit $code
