#!/bin/sh
# Builds one fuzz target with libFuzzer's coverage on stable Rust, and runs it.
#
#   fuzz/run.sh TARGET [libFuzzer arguments]
#   fuzz/run.sh suite_parser -max_total_time=60
set -eu
# Paths among the arguments are those of whoever calls: the folder stays the same.
here=$(cd "$(dirname "$0")" && pwd)

if [ $# -eq 0 ]; then
    echo "usage: $0 TARGET [libFuzzer arguments]; targets:" >&2
    for file in "$here"/fuzz_targets/*.rs; do basename "$file" .rs >&2; done
    exit 2
fi
target=$1
shift

# With --target the flags below reach the program alone, and build scripts stay uninstrumented.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="${RUSTFLAGS:-} --cfg fuzzing -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table"
export RUSTFLAGS
cargo build --manifest-path "$here/Cargo.toml" --release --bin "$target" \
    --target "$host" --target-dir "$here/target" \
    --config 'profile.release.debug-assertions=true' \
    --config 'profile.release.overflow-checks=true'

program=$here/target/$host/release/$target
if [ -n "${BUILD_ONLY:-}" ]; then
    echo "$program"
    exit
fi

# Inputs that are named are run alone.
for argument in "$@"; do
    if [ -f "$argument" ]; then exec "$program" "$@"; fi
done

corpus=$here/corpus/$target
artifacts=$here/artifacts/$target
mkdir -p "$corpus" "$artifacts"
# Seeds get a name that tells where they are from.
for seed in $("$here/seeds.sh" "$target"); do
    cp "$here/../$seed" "$corpus/$(echo "$seed" | tr / -)"
done

# What farms give the target, too. What is said on the command line comes later, and holds.
options=$here/options/$target.options
if [ -f "$options" ]; then
    # shellcheck disable=SC2046 # an argument a line
    set -- $(sed -n 's/^\([a-z_]*\) = /-\1=/p' "$options") "$@"
fi

exec "$program" -artifact_prefix="$artifacts/" "$@" "$corpus"
