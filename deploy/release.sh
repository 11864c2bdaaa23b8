#!/usr/bin/env bash
# Builds what is released: both programs, what they were built from as a bill of materials (CycloneDX), and checksums.
#
#   deploy/release.sh OUT
#   deploy/release.sh --pack OUT PROGRAMS    the archive alone, of programs that are built already
#
# The archive is the repository as it was committed, with both programs in its bin/: whatever a guide or compose.yaml names is there. Its time
# is the commit's, so that the same commit, toolchain and system give the same archive.
set -euo pipefail
usage() { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p}' "$0"; exit "$1"; }
programs=''
case ${1:-} in
    -h | --help) usage 0 ;;
    --pack) [ $# -eq 3 ] || usage 2 >&2; programs=$(realpath "$3"); shift ;;
    *) [ $# -eq 1 ] || usage 2 >&2 ;;
esac
mkdir -p "$1"
out=$(realpath "$1")
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
system=$(rustc --version --verbose | sed -n 's/^host: //p')
name=countersign-$version-$system
COUNTERSIGN_REVISION=$(git rev-parse HEAD)
export COUNTERSIGN_REVISION

[ -z "${GITHUB_REF_NAME:-}" ] || [ "v$version" = "$GITHUB_REF_NAME" ] || { echo "release: the tag is $GITHUB_REF_NAME, and Cargo.toml says $version" >&2; exit 1; }
[ -n "$programs" ] || cargo build --release --locked --workspace --bins
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git archive --prefix "$name/" HEAD | tar --extract --directory "$work"
mkdir "$work/$name/bin"
cp "${programs:-$target/release}"/{countersign,feature-job} "$work/$name/bin/"
# Whose the files are and what their modes were here says nothing.
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$(git log -1 --format=%ct)" "$name" |
    gzip --no-name >"$out/$name.tar.gz"
[ -z "$programs" ] || exit 0

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
