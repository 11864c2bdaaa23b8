#!/usr/bin/env bash
# Builds the guest template: guest-model compiled to WebAssembly, before any model is in it.
#
#   guest-model/build.sh [OUT]      OUT is guest-model/template.wasm by default
#
# It takes the first toolchain that can: rustup's, if it has the target wasm32-unknown-unknown; or Debian's rustc-web with
# the sources of the standard library (apt-get install rustc-web cargo-web rust-web-src rust-web-llvm lld-22). The
# committed template is made by the second, at the version named below; the first passes the same tests. The second also has
# a panic trap without words, which takes the formatting of messages out of every module.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-guest-model/template.wasm}
pinned='1.96.0+dfsg1-1~deb12u2'

# The digest of what the template is made from, as guest-model/tests/template.rs computes it.
export COUNTERSIGN_TEMPLATE_SOURCES
COUNTERSIGN_TEMPLATE_SOURCES=$({
    LC_ALL=C ls -1 guest-model/build.sh guest-model/Cargo.toml guest-model/src/*.rs wit/model.wit | LC_ALL=C sort | xargs sha256sum
    for crate in bincode libm serde wit-bindgen; do
        grep -A1 "^name = \"$crate\"\$" Cargo.lock | sed -n 's/^version = "\(.*\)"/'"$crate"' \1/p'
    done
    grep -E '^(bincode|libm|serde|wit-bindgen) = ' Cargo.toml
    sed -n '/^\[profile\.guest\]$/,/^$/p' Cargo.toml
} | sha256sum | cut -d' ' -f1)

# Its own target folder: another compiler's output must not mix with the workspace's. The paths of this machine are mapped
# away, so that they do not end up in panic messages and two machines give the same bytes.
target=${CARGO_TARGET_DIR:-$PWD/target}/guest-template
cargo_home=${CARGO_HOME:-$HOME/.cargo}
flags=(-C target-feature=+simd128 --remap-path-prefix="$PWD=/src" --remap-path-prefix="$cargo_home/registry/src=/registry")
build=(rustc -p guest-model --lib --crate-type cdylib --locked --profile guest --target wasm32-unknown-unknown --target-dir "$target")

if rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null | xargs -r ls >/dev/null 2>&1; then
    echo "building with $(rustc --version)"
    RUSTFLAGS="${flags[*]}" cargo "${build[@]}"
elif [ -x /usr/bin/cargo ] && [ -d "$(/usr/bin/rustc --print sysroot 2>/dev/null)/lib/rustlib/src" ]; then
    version=$(dpkg-query -W -f '${Version}' rustc-web)
    echo "building with Debian's rustc-web $version"
    [ "$version" = "$pinned" ] || echo "note: the committed template was made with $pinned; other bytes are to be expected"
    flags+=(--remap-path-prefix="$(/usr/bin/rustc --print sysroot)=/rustc")
    RUSTFLAGS="${flags[*]}" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo "${build[@]}" -Zbuild-std=std,panic_abort -Zbuild-std-features= -Zpanic-immediate-abort --config 'profile.guest.panic="immediate-abort"'
else
    echo "no toolchain here builds wasm32-unknown-unknown: run \`rustup target add wasm32-unknown-unknown\`," \
        "or on Debian \`apt-get install rustc-web cargo-web rust-web-src rust-web-llvm lld-22\`" >&2
    exit 1
fi
cp "$target/wasm32-unknown-unknown/guest/guest_model.wasm" "$out"
echo "$out: $(stat -c %s "$out") bytes, $(sha256sum "$out" | cut -d' ' -f1)"
