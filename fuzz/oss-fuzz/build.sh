#!/bin/bash -eu
# Builds the fuzz targets that need no module, and the corpora they begin from, into $OUT. OSS-Fuzz and
# ClusterFuzzLite run it in the image of the Dockerfile beside it, where SANITIZER is set; without that it builds
# with the flags of ../run.sh on stable Rust, to be tried anywhere:
#
#   OUT=/tmp/out fuzz/oss-fuzz/build.sh
if [ -n "${SRC:-}" ]; then
    cd "$SRC/p11assay"
else
    cd "$(dirname "$0")/../.."
fi
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
# Told to all of cargo, also to what the image runs in its place for coverage: a workspace builds at its root else.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/fuzz/target}
host=$(rustc -vV | sed -n 's/^host: //p')
# Where CC is the word `clang`, a dependency (alloca) is built as bitcode, which takes a linker of the same LLVM.
if [ -n "${CC:-}" ]; then
    CC=$(command -v "$CC")
    export CC
fi

for target in sequence_decoder suite_parser token uri_parser; do
    if [ -n "${SANITIZER:-}" ]; then
        cargo fuzz build -O --debug-assertions "$target"
        built=$CARGO_TARGET_DIR/$host/release/$target
    else
        built=$(BUILD_ONLY=1 fuzz/run.sh "$target")
    fi
    cp "$built" "$OUT/$target"
    options=fuzz/options/$target.options
    if [ -f "$options" ]; then
        cp "$options" "$OUT/"
    fi
    # Two seeds may have one name: they are told apart by their folders.
    folder=$(mktemp -d)
    fuzz/seeds.sh "$target" | while read -r seed; do
        cp "$seed" "$folder/${seed//\//-}"
    done
    rm -f "$OUT/${target}_seed_corpus.zip"
    if [ -n "$(ls "$folder")" ]; then
        (cd "$folder" && zip -q -r "$OUT/${target}_seed_corpus.zip" .)
    fi
    rm -r "$folder"
done
