#!/bin/sh
# Builds one fuzz target with libFuzzer's coverage on stable Rust, and runs it.
#
#   fuzz/run.sh TARGET [libFuzzer arguments]
#   fuzz/run.sh suite_parser -max_total_time=60
set -eu

if [ $# -eq 0 ]; then
    echo "usage: $0 TARGET [libFuzzer arguments]; targets:" >&2
    for file in "$(dirname "$0")"/fuzz_targets/*.rs; do basename "$file" .rs >&2; done
    exit 2
fi
target=$1
shift
cd "$(dirname "$0")"

# With --target the flags below reach the program alone, and build scripts stay uninstrumented.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="${RUSTFLAGS:-} --cfg fuzzing -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table"
export RUSTFLAGS
cargo build --release --bin "$target" --target "$host" --target-dir target \
    --config 'profile.release.debug-assertions=true' \
    --config 'profile.release.overflow-checks=true'

program=target/$host/release/$target
if [ -n "${BUILD_ONLY:-}" ]; then
    echo "fuzz/$program"
    exit
fi

corpus=corpus/$target
mkdir -p "$corpus" "artifacts/$target"
# Seeds get a name that tells where they are from.
for seed in $(./seeds.sh "$target"); do
    cp "../$seed" "$corpus/$(echo "$seed" | tr / -)"
done

exec "$program" -artifact_prefix="artifacts/$target/" "$@" "$corpus"
