# To be sourced. `venv NAME MODULES` gives in `python` an interpreter that has the packages of tests/NAME-requirements.txt, fetched once for
# each list; `venv NAME MODULES FILE` those of another list. Where they cannot be had it says so and fails, on a build machine for good.
venv() {
    local list=${3:-tests/$1-requirements.txt} folder
    folder=$HOME/.cache/countersign/$1-$(cksum <"$list" | cut -d ' ' -f 1)
    python=$folder/bin/python
    if "$python" -c "import $2" 2>/dev/null; then return; fi
    if python3 -m venv --clear "$folder" && "$python" -m pip install --quiet --requirement "$list"; then return; fi
    rm -rf "$folder"
    if [ "${CI:-}" = true ]; then
        echo "the packages of $list could not be installed" >&2
        exit 1
    fi
    echo "skipped: the packages of $list could not be installed"
    return 1
}
