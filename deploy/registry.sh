#!/usr/bin/env bash
# Copies modules to and from a registry, a folder or s3://BUCKET/PREFIX. A module that is put is whole before hosts see it.
#
#   deploy/registry.sh put MODULE REGISTRY                 into approved/: with hosts that watch it, this is a deployment
#   deploy/registry.sh put-candidate MODULE REGISTRY       into candidates/, and its report beside it: with that the version is taken
#   deploy/registry.sh get REGISTRY FOLDER [--candidates]  the approved modules, into FOLDER/approved; and the candidates, into FOLDER/candidates
#
# A version belongs to the first module that took it, and another is refused. In approved/ the same module with other approvals takes the place
# of the one before, as when an approver's key is rotated: `countersign inspect` gives both one digest, and hosts go on serving it. A candidate
# is never replaced.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
fail() { echo "registry: $*" >&2; exit 1; }

work=$(mktemp -d)
coming=''
trap 'rm -rf "$work" ${coming:+"$coming"}' EXIT

# Where a registry's folder lies, by its name: in `bucket` and `prefix`, or a path in `folder`.
find_place() {
    bucket='' prefix=''
    folder=${1%/}/$2
    [[ $1 == s3://* ]] || return 0
    bucket=${folder#s3://}
    prefix=${bucket#*/}/
    bucket=${bucket%%/*}
}

# Puts a file there where nothing of that name is; fails where something is, which is then in $work/there. It is asked in conditions, in which
# nothing ends by itself.
put_new() {
    local name
    name=$(basename "$1")
    if [ -n "$bucket" ]; then
        put_object "$1" --if-none-match '*' 2>"$work/said" && return
        grep --quiet PreconditionFailed "$work/said" || fail "$(grep . "$work/said")"
        tag=$(aws s3api get-object --bucket "$bucket" --key "$prefix$name" --query ETag --output text "$work/there") || fail "cannot read $folder/$name"
    else
        # Names with a dot before them are passed over, and a rename shows the whole file at once.
        coming=$folder/.$name.$$
        { cp "$1" "$coming" && sync "$coming"; } || fail "cannot write in $folder"
        # Some versions of it call it a failure to have kept what was there, and some do not.
        mv --no-clobber "$coming" "$folder/$name" || true
        [ -e "$coming" ] || return 0
        cp "$folder/$name" "$work/there" || fail "cannot put $folder/$name there"
    fi
    return 1
}
# Puts a file in the place of the one that `put_new` has found.
put_over() {
    if [ -n "$bucket" ]; then
        # Only if that is still the one that was looked at.
        put_object "$1" --if-match "$tag" 2>"$work/said" && return
        ! grep --quiet PreconditionFailed "$work/said" || fail "$folder/$(basename "$1") has changed meanwhile: run this again"
        fail "$(grep . "$work/said")"
    fi
    mv "$coming" "$folder/$(basename "$1")"
}
put_object() { aws s3api put-object --bucket "$bucket" --key "$prefix$(basename "$1")" --body "$@" >/dev/null; }

put() {
    local there new
    find_place "$2" approved
    if ! put_new "$1" && ! cmp --quiet "$1" "$work/there"; then
        there=$(countersign inspect "$work/there" --json | jq --raw-output .module_digest) || there=null
        new=$(countersign inspect "$1" --json | jq --raw-output 'if .structure_holds and (.approvals | length > 0) then .module_digest else "" end')
        [ "$there" != null ] || fail "$folder/$(basename "$1") is there, and no whole module: find out why, and take it away first"
        # Hosts would refuse it, and not have the one before any more when they start again.
        [ -n "$new" ] || fail "$1 is not countersigned, and would take the place of one that is"
        # Hosts would refuse this one, and its place would be lost.
        [ "$there" = "$new" ] || fail "$folder/$(basename "$1") is there, and another module: train anew, for the next version"
        put_over "$1"
    fi
    echo "$folder/$(basename "$1")"
}

put_candidate() {
    local report=${1%.wasm}.report.html
    find_place "$2" candidates
    [ -n "$bucket" ] || mkdir -p "$folder"
    # The module before its report: whoever has the name has the report's as well. A run that was cut off in between is done again.
    if ! put_new "$1"; then
        cmp --quiet "$1" "$work/there" || fail "$folder/$(basename "$1") is there, and another candidate: train anew, for the next version"
        rm -f ${coming:+"$coming"}
    fi
    if [ -e "$report" ] && ! put_new "$report"; then put_over "$report"; fi
    echo "$folder/$(basename "$1")"
}

get() {
    local kind
    for kind in approved ${3:+candidates}; do
        find_place "$1" "$kind"
        mkdir -p "$2/$kind"
        if [ -n "$bucket" ]; then
            aws s3 sync --no-progress --exclude '*/*' "$folder" "$2/$kind"
        elif [ "$kind" = approved ]; then
            find "$folder" -maxdepth 1 -name '*.wasm' ! -name '.*' -exec cp --target-directory "$2/$kind/" {} +
        elif [ -d "$folder" ]; then
            # With their reports, which approvers read.
            find "$folder" -maxdepth 1 -type f ! -name '.*' -exec cp --target-directory "$2/$kind/" {} +
        fi
    done
}

case ${1:-},$#,${4:-} in
    put,3,) put "$2" "$3" ;;
    put-candidate,3,) put_candidate "$2" "$3" ;;
    get,3, | get,4,--candidates) get "$2" "$3" "${4:-}" ;;
    *) usage 2 >&2 ;;
esac
