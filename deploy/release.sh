#!/usr/bin/env bash
# Builds what is released: both programs, what they were built from as a bill of materials (CycloneDX), and checksums.
#
#   deploy/release.sh OUT
#
# The time in the archive is the commit's, so that the same commit, toolchain and system give the same archive.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -eq 1 ] || usage 2 >&2
cd "$(dirname "$0")/.."
mkdir -p "$1"
out=$(realpath "$1")
target=${CARGO_TARGET_DIR:-$PWD/target}
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
system=$(rustc --version --verbose | sed -n 's/^host: //p')
name=countersign-$version-$system
COUNTERSIGN_REVISION=$(git rev-parse HEAD)
export COUNTERSIGN_REVISION

[ -z "${GITHUB_REF_NAME:-}" ] || [ "v$version" = "$GITHUB_REF_NAME" ] || { echo "release: the tag is $GITHUB_REF_NAME, and Cargo.toml says $version" >&2; exit 1; }
cargo build --release --locked --workspace --bins
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/$name"
cp --recursive "$target/release/countersign" "$target/release/feature-job" README.md CHANGELOG.md ARCHITECTURE.md LICENSE-APACHE LICENSE-MIT compose.yaml \
    modules/trust.toml docs "$work/$name/"
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" "$name" |
    gzip --no-name >"$out/$name.tar.gz"

cyclonedx=${CYCLONEDX:-$HOME/.cache/countersign/tools/bin/cargo-cyclonedx}
[ -x "$cyclonedx" ] || env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$HOME/.cache/countersign/tools" cargo-cyclonedx@0.5.9
# In a copy: it writes beside each manifest.
mkdir "$work/source"
git archive HEAD | tar --extract --directory "$work/source"
(cd "$work/source" && "$cyclonedx" cyclonedx --quiet --format json --target "$system" --override-filename bom)
cp "$work/source/host/bom.json" "$out/countersign-$version.cdx.json"
cp "$work/source/feature-job/bom.json" "$out/feature-job-$version.cdx.json"
(cd "$out" && sha256sum -- *.tar.gz *.cdx.json >SHA256SUMS)
cat "$out/SHA256SUMS"
