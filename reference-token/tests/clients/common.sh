# Sourced by the script of every client: a fresh uninitialised token in a scratch directory, the PINs,
# checks that tell what was expected and what came, servers on 127.0.0.1, and the clean end.
#
# The script is given the token's shared library in REFERENCE_TOKEN_MODULE, and ends with 77 if a
# program it needs is not installed, which the test that runs it turns into a loud skip.
# shellcheck shell=bash
set -euo pipefail

: "${REFERENCE_TOKEN_MODULE:?the path of libreference_token.so}"
module=$(realpath "$REFERENCE_TOKEN_MODULE")
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
user_pin=1234
so_pin=12345678
token=clients

scratch=$(mktemp -d)
servers=()
clean_up() {
    local status=$?
    stop
    rm -rf "$scratch"
    exit "$status"
}
trap clean_up EXIT
cd "$scratch"

# Clients keep databases, and read settings, where the environment says: not the developer's.
export HOME=$scratch LC_ALL=C
unset OPENSSL_CONF SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
printf '%s\n' "file = '$scratch/store'" 'initialized = false' 'pin-rounds = 10' >token.toml
export REFERENCE_TOKEN_CONF=$scratch/token.toml

# need PROGRAM PACKAGE: ends the script with 77 without the program.
need() {
    command -v "$1" >/dev/null && return
    echo "missing: $1 (package $2)"
    exit 77
}

# fail WHAT EXPECTED GOT: tells, and ends the script.
fail() {
    printf 'FAILED: %s\n  expected: %s\n  got:      %.3000s\n' "$1" "$2" "$3" >&2
    exit 1
}

# check WHAT EXPECTED GOT: the two are the same text.
check() {
    [ "$2" = "$3" ] || fail "$1" "$2" "$3"
    echo "ok: $1"
}

# contains WHAT PATTERN TEXT: a line of the text matches the extended regular expression.
contains() {
    grep -qE -- "$2" <<<"$3" || fail "$1" "a line that matches $2" "$3"
    echo "ok: $1"
}

# lacks WHAT PATTERN TEXT: no line does.
lacks() {
    ! grep -qE -- "$2" <<<"$3" || fail "$1" "no line that matches $2" "$3"
    echo "ok: $1"
}

# same WHAT FILE FILE: the two have the same bytes, and some.
same() {
    [ -s "$2" ] || fail "$1" "bytes in $2" "none"
    cmp -s "$2" "$3" || fail "$1" "$(od -An -tx1 "$2" | head -4)" "$(od -An -tx1 "$3" | head -4)"
    echo "ok: $1"
}

# hex: standard input in hexadecimal, in one line.
hex() { od -An -vtx1 | tr -d ' \n'; }

# unhex DIGITS: the bytes.
unhex() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"; }

# run WHAT COMMAND...: the command succeeds; what it says is shown only if it does not, and is left
# in $said.
run() {
    local what=$1 status=0
    shift
    said=$("$@" 2>&1 </dev/null) || status=$?
    [ "$status" -eq 0 ] || fail "$what" "success of $*" "$status: $said"
    echo "ok: $what"
}

# refuse WHAT PATTERN COMMAND...: the command fails, and says why in a line that matches.
refuse() {
    local what=$1 pattern=$2
    shift 2
    if said=$("$@" 2>&1 </dev/null); then
        fail "$what" "failure of $*" "success: $said"
    fi
    contains "$what" "$pattern" "$said"
}

# verified WHAT PUBLIC-KEY SIGNATURE FILE OPTION...: OpenSSL, without the token, finds the signature
# right, and wrong for other data.
verified() {
    local what=$1 key=$2 signature=$3 file=$4
    shift 4
    run "$what, says OpenSSL" \
        openssl dgst "$@" -verify "$key" -signature "$signature" "$file"
    { cat "$file"; echo more; } >"$file.other"
    refuse "$what, but not of other data" 'Verif.*ailure' \
        openssl dgst "$@" -verify "$key" -signature "$signature" "$file.other"
}

# free_port: a port of 127.0.0.1 below the range that outgoing connections use, where nobody listens.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 10000))
        (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null || break
    done
    echo "$port"
}

# stop: ends the servers. One process at a time may have the token's file open.
stop() {
    local server
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true
    done
    servers=()
}

# serve LOG PATTERN PROGRAM...: starts a server, a program and no function, and waits, ten seconds at
# most, until its log says that it listens.
serve() {
    local log=$1 pattern=$2
    shift 2
    "$@" >"$log" 2>&1 </dev/null &
    servers+=("$!")
    for _ in $(seq 100); do
        ! grep -qE -- "$pattern" "$log" || return 0
        kill -0 "${servers[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    fail "server $1 listens" "a line that matches $pattern" "$(cat "$log")"
}

# initialize: C_InitToken and C_InitPIN, for clients that cannot.
initialize() {
    need pkcs11-tool opensc
    run 'C_InitToken' \
        pkcs11-tool --module "$module" --init-token --label "$token" --so-pin "$so_pin"
    run 'C_InitPIN' pkcs11-tool --module "$module" --login --login-type so --so-pin "$so_pin" \
        --init-pin --new-pin "$user_pin"
}

# converse WORDS PATTERN COMMAND...: says the words to the command, and what it answers; its input has no end before a line of
# the answer matches, or ten seconds are over.
converse() {
    local words=$1 pattern=$2 status=0
    shift 2
    : >answer
    {
        printf '%b' "$words"
        for _ in $(seq 200); do
            ! grep -qE -- "$pattern" answer || break
            sleep 0.05
        done
    } | "$@" >answer 2>&1 || status=$?
    cat answer
    return "$status"
}
