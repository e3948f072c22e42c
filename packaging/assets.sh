#!/bin/sh
# What a package has beside the program and is made by a command: the manual pages, the completions, the list of changes.
#   packaging/assets.sh FOLDER [PROGRAM]
set -eu
folder=$1
program=${2:-target/dist/p11assay}
[ -x "$program" ] || cargo build --locked --profile dist -p p11assay
top=$(dirname "$0")/..
mkdir -p "$folder"
gzip -9n < "$top/CHANGELOG.md" > "$folder/changelog.gz"
rm -rf "$folder/man"
"$program" man "$folder/man"
gzip -9n "$folder"/man/*.1
"$program" completions bash > "$folder/p11assay.bash"
"$program" completions zsh > "$folder/_p11assay"
"$program" completions fish > "$folder/p11assay.fish"
