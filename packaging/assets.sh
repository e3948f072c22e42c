#!/bin/sh
# What a package has beside the program and is made by it: the manual and the completions.
#   packaging/assets.sh FOLDER [PROGRAM]
set -eu
folder=$1
program=${2:-target/dist/p11assay}
[ -x "$program" ] || cargo build --locked --profile dist -p p11assay
mkdir -p "$folder"
"$program" man | gzip -9n > "$folder/p11assay.1.gz"
"$program" completions bash > "$folder/p11assay.bash"
"$program" completions zsh > "$folder/_p11assay"
"$program" completions fish > "$folder/p11assay.fish"
