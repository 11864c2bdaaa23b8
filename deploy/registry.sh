#!/usr/bin/env bash
# Copies modules to and from a registry, a folder or s3://BUCKET/PREFIX. A module that is put is whole before hosts see it.
#
#   deploy/registry.sh put MODULE REGISTRY                 into approved/: with hosts that watch it, this is a deployment
#   deploy/registry.sh put-candidate MODULE REGISTRY       into candidates/, and its report beside it: with that the version is taken
#   deploy/registry.sh put-rejection NOTE REGISTRY         into candidates/: what `countersign reject` wrote, CANDIDATE.wasm.rejected.json
#   deploy/registry.sh get-rejection CANDIDATE REGISTRY    the note, if there is one, beside the candidate, where `countersign approve` looks
#   deploy/registry.sh get REGISTRY FOLDER [--candidates]  the approved modules, into FOLDER/approved; and the candidates, into FOLDER/candidates
#
# A version belongs to the first module that took it, and another is refused. In approved/ the same module with other approvals takes the place
# of the one before, as when an approver's key is rotated: `countersign inspect` gives both one digest, and hosts go on serving it. A candidate,
# its report and the note of its rejection are never replaced: who considers a candidate again removes the note by hand.
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

# Puts a file there where nothing of that name is, or the same; fails where something else is.
put_once() {
    put_new "$1" && return
    cmp --quiet "$1" "$work/there" || fail "$folder/$(basename "$1") is there, and $2"
    rm -f ${coming:+"$coming"}
}
digest_of() { countersign inspect "$1" --json | jq --raw-output .module_digest; }

put() {
    local there new
    find_place "$2" approved
    if ! put_new "$1" && ! cmp --quiet "$1" "$work/there"; then
        there=$(digest_of "$work/there") || there=null
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
    put_once "$1" 'another candidate: train anew, for the next version'
    # A module names its report by its digest: to one module belongs one report.
    [ ! -e "$report" ] || put_once "$report" 'another report: find out whose it is'
    echo "$folder/$(basename "$1")"
}

# Brings a file of a registry's folder; fails where there is none.
fetch() {
    if [ -z "$bucket" ]; then
        [ -e "$folder/$1" ] || return 1
        cp "$folder/$1" "$2" || fail "cannot read $folder/$1"
    elif ! aws s3api get-object --bucket "$bucket" --key "$prefix$1" "$2" >/dev/null 2>"$work/said"; then
        grep --quiet NoSuchKey "$work/said" || fail "$(grep . "$work/said")"
        return 1
    fi
}

put_rejection() {
    local name candidate
    name=$(basename "$1")
    candidate=${name%.rejected.json}
    [[ $name == *.wasm.rejected.json ]] || fail "$1 is no note of \`countersign reject\`, CANDIDATE.wasm.rejected.json"
    find_place "$2" candidates
    # A note about another module of this name would turn down nothing, and keep the place from one that does.
    fetch "$candidate" "$work/candidate" || fail "there is no $folder/$candidate"
    [ "$(jq --raw-output .digest "$1")" = "$(digest_of "$work/candidate")" ] || fail "$1 is not about $folder/$candidate"
    put_once "$1" "another's note: it is turned down already"
    echo "$folder/$name"
}

get_rejection() {
    local note
    note=$(basename "$1").rejected.json
    find_place "$2" candidates
    ! fetch "$note" "$work/note" || cp "$work/note" "$1.rejected.json"
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
    put-rejection,3,) put_rejection "$2" "$3" ;;
    get-rejection,3,) get_rejection "$2" "$3" ;;
    get,3, | get,4,--candidates) get "$2" "$3" "${4:-}" ;;
    *) usage 2 >&2 ;;
esac
