#!/bin/sh
# What a package has beside the program and is made by a command: the manual, the completions, the list of changes.
#   packaging/assets.sh FOLDER [PROGRAM]
set -eu
folder=$1
program=${2:-target/dist/p11assay}
[ -x "$program" ] || cargo build --locked --profile dist -p p11assay
top=$(dirname "$0")/..
mkdir -p "$folder"
gzip -9n < "$top/CHANGELOG.md" > "$folder/changelog.gz"
"$program" man | gzip -9n > "$folder/p11assay.1.gz"
"$program" completions bash > "$folder/p11assay.bash"
"$program" completions zsh > "$folder/_p11assay"
"$program" completions fish > "$folder/p11assay.fish"
