#!/bin/sh
# The files that the corpus of a fuzz target begins with, by their paths from the repository's root.
set -eu
target=$1
cd "$(dirname "$0")/.."
# Every shipped file of the target's language is one.
case $target in
suite_parser) find suites -name '*.yaml' -not -path '*/targets/*' ;;
esac
if [ -d "fuzz/seeds/$target" ]; then
    find "fuzz/seeds/$target" -type f
fi
