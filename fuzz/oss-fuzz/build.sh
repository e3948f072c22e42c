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

for target in sequence_decoder suite_parser token uri_parser; do
    if [ -n "${SANITIZER:-}" ]; then
        cargo fuzz build -O --debug-assertions "$target"
        built=fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release/$target
    else
        built=$(BUILD_ONLY=1 fuzz/run.sh "$target")
    fi
    cp "$built" "$OUT/$target"
    seeds=$(fuzz/seeds.sh "$target")
    if [ -n "$seeds" ]; then
        # Two seeds may have one name: they are told apart by their folders.
        folder=$(mktemp -d)
        for seed in $seeds; do cp "$seed" "$folder/$(echo "$seed" | tr / -)"; done
        (cd "$folder" && zip -q -r "$OUT/${target}_seed_corpus.zip" .)
        rm -r "$folder"
    fi
done
