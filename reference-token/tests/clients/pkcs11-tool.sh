#!/usr/bin/env bash
# pkcs11-tool of OpenSC: initialises the token, makes keys of the types it knows, and uses them; what
# it signs, encrypts and exports is checked by OpenSSL without the token, and the other way round.
source "$(dirname "$0")/common.sh"
need pkcs11-tool opensc
need openssl openssl

tool() { pkcs11-tool --module "$module" "$@"; }
user() { tool --login --pin "$user_pin" "$@"; }

echo '== token and PINs'
run 'an uninitialised token is listed' tool --list-slots
contains 'it says so' 'uninitialized' "$said"
run 'C_InitToken' tool --init-token --label "$token" --so-pin "$so_pin"
run 'C_InitPIN' tool --login --login-type so --so-pin "$so_pin" --init-pin --new-pin 4321
run 'C_SetPIN' tool --login --pin 4321 --change-pin --new-pin "$user_pin"
refuse 'the old PIN is wrong' CKR_PIN_INCORRECT tool --login --pin 4321 --list-objects
run 'the token is listed' tool --list-token-slots
contains 'with its label' "token label +: $token" "$said"
contains 'its PIN, and that somebody guessed' 'user PIN count low, PIN initialized' "$said"
run 'the new PIN is right' user --list-objects
run 'the token is listed again' tool --list-token-slots
contains 'and has forgotten the guess' 'token initialized, PIN initialized' "$said"
run 'the library is described' tool --show-info
contains 'as Cryptoki 3' 'Cryptoki version 3\.' "$said"
run 'interfaces are listed' tool --list-interfaces
contains 'with 3.0' 'version: 3\.0' "$said"

echo '== random numbers and digests'
run 'random bytes' tool --generate-random 64 --output-file random1
run 'more random bytes' tool --generate-random 64 --output-file random2
check 'they are 64' 64 "$(stat -c %s random1)"
cmp -s random1 random2 && fail 'random bytes differ' 'other bytes' 'the same bytes'
printf 'a message of some length' >message
for digest in SHA-1:sha1 SHA224:sha224 SHA256:sha256 SHA384:sha384 SHA512:sha512 \
    SHA3-224:sha3-224 SHA3-256:sha3-256 SHA3-384:sha3-384 SHA3-512:sha3-512; do
    run "digest ${digest%:*}" tool --hash -m "${digest%:*}" -i message -o digest
    openssl dgst "-${digest#*:}" -binary message >expected
    same "${digest%:*} is as OpenSSL's" expected digest
done

echo '== key pairs'
# pair ID TYPE OPTION...: makes a pair, and exports its public key to ID.der and ID.pem.
pair() {
    local id=$1 type=$2
    shift 2
    run "a pair of $type" user --keypairgen --key-type "$type" --id "$id" --label "$type" "$@"
    public "$id"
}
# public ID: exports the public key.
public() {
    run "its public key is read" tool --read-object --type pubkey --id "$1" -o "$1.der"
    openssl pkey -pubin -inform DER -in "$1.der" -out "$1.pem" 2>/dev/null \
        || fail "public key $1" 'one that OpenSSL reads' "$(od -An -tx1 "$1.der")"
}
# pair_of_point ID TYPE HEAD OPTION...: as `pair`, for curves of which pkcs11-tool cannot make a
# SubjectPublicKeyInfo: it is built from HEAD, what precedes the point in hexadecimal, and the point.
pair_of_point() {
    local id=$1 type=$2 head=$3 point
    shift 3
    run "a pair of $type" user --keypairgen --key-type "$type" --id "$id" --label "$type" "$@"
    point=$(sed -nE 's/^ *EC_POINT: *04(81)?..//p' <<<"$said")
    unhex "$head$point" >"$id.der"
    openssl pkey -pubin -inform DER -in "$id.der" -out "$id.pem" 2>/dev/null \
        || fail "public key of $type" 'one that OpenSSL reads' "$said"
}
pair 01 rsa:1024
pair 02 rsa:2048
pair 03 EC:prime256v1 --usage-sign --usage-derive
pair_of_point 04 EC:secp384r1 3076301006072a8648ce3d020106052b81040022036200
pair 05 EC:secp521r1
pair_of_point 06 EC:secp224r1 304e301006072a8648ce3d020106052b81040021033a00
pair_of_point 07 EC:secp256k1 3056301006072a8648ce3d020106052b8104000a034200
pair_of_point 08 EC:brainpoolP256r1 305a301406072a8648ce3d020106092b2403030208010107034200
pair_of_point 09 EC:brainpoolP384r1 307a301406072a8648ce3d020106092b240303020801010b036200
# The point of an Edwards curve is bare. EC:curve25519 is left out: this version of pkcs11-tool names
# the curve in malformed DER.
run 'a pair of EC:edwards25519' \
    user --keypairgen --key-type EC:edwards25519 --id 0a --label EC:edwards25519
unhex "302a300506032b6570032100$(sed -nE 's/^ *EC_POINT: *//p' <<<"$said")" >0a.der
openssl pkey -pubin -inform DER -in 0a.der -out 0a.pem
run 'objects are listed' user --list-objects
for type in rsa:1024 rsa:2048 EC:prime256v1 EC:secp384r1 EC:secp521r1 EC:secp256k1 EC:edwards25519; do
    contains "$type is among them" "label: +$type" "$said"
done
refuse 'a pair of a type that the token lacks' 'not supported' \
    user --keypairgen --key-type GOSTR3410-2012-256:B --id 7f

echo '== signatures'
# signs MECHANISM ID "OPENSSL OPTIONS" OPTION...: the token signs and verifies, OpenSSL agrees.
signs() {
    local mechanism=$1 id=$2 options=$3
    shift 3
    run "$mechanism signs" user --sign -m "$mechanism" --id "$id" -i message -o signature "$@"
    # shellcheck disable=SC2086 # the options are several words
    verified "$mechanism" "$id.pem" signature message $options
    run "$mechanism verifies" \
        tool --verify -m "$mechanism" --id "$id" -i message --signature-file signature "$@"
    contains 'the signature is valid' 'Signature is valid' "$said"
    said=$(tool --verify -m "$mechanism" --id "$id" -i message.other \
        --signature-file signature "$@" 2>&1) || true
    contains 'and not for other data' 'Invalid signature' "$said"
}
for digest in SHA1:sha1 SHA256:sha256 SHA384:sha384 SHA512:sha512; do
    signs "${digest%:*}-RSA-PKCS" 02 "-${digest#*:}"
done
pss='-sigopt rsa_padding_mode:pss'
signs SHA256-RSA-PKCS-PSS 02 "-sha256 $pss -sigopt rsa_pss_saltlen:32"
signs SHA512-RSA-PKCS-PSS 02 "-sha512 $pss -sigopt rsa_pss_saltlen:20 -sigopt rsa_mgf1_md:sha256" \
    --mgf MGF1-SHA256 --salt-len 20
for pair in 03:SHA256:sha256 04:SHA384:sha384 05:SHA512:sha512 06:SHA224:sha224 07:SHA256:sha256 \
    08:SHA256:sha256 09:SHA384:sha384; do
    IFS=: read -r id name digest <<<"$pair"
    signs "ECDSA-$name" "$id" "-$digest" --signature-format openssl
done
openssl dgst -sha256 -binary message >digest
run 'ECDSA signs a digest' \
    user --sign -m ECDSA --id 03 -i digest -o signature --signature-format openssl
verified ECDSA 03.pem signature message -sha256
run 'EDDSA signs' user --sign -m EDDSA --id 0a -i message -o signature
for file in message message.other; do
    openssl pkeyutl -verify -rawin -pubin -inkey 0a.pem -sigfile signature -in "$file" \
        >verdict 2>&1 || true
    mv verdict "verdict.$file"
done
contains 'EDDSA, says OpenSSL' 'Signature Verified Successfully' "$(<verdict.message)"
contains 'EDDSA, but not of other data' 'Signature Verification Failure' "$(<verdict.message.other)"
# The digest as a DigestInfo, which is what CKM_RSA_PKCS pads.
{ unhex 3031300d060960864801650304020105000420; cat digest; } >info
run 'RSA-PKCS signs a DigestInfo' user --sign -m RSA-PKCS --id 02 -i info -o signature
verified RSA-PKCS 02.pem signature message -sha256

echo '== secret keys'
for type in AES:16 AES:24 AES:32 GENERIC:64; do
    run "a key of $type" \
        user --keygen --key-type "$type" --id "02${type#*:}" --label "$type" --extractable
done
run 'a key of DES:8' user --keygen --key-type DES:8 --id 0308 --label DES:8
run 'a key of DES3:24' user --keygen --key-type DES3:24 --id 0324 --label DES3:24
value() { user --read-object --type secrkey --id "$1" 2>/dev/null | hex; }
key=$(value 0232)
check 'its value has 32 bytes' 64 "${#key}"
iv=000102030405060708090a0b0c0d0e0f
printf '0123456789abcdef0123456789abcdef' >blocks
# enciphers MECHANISM FILE "OPENSSL OPTIONS": the two encrypt alike, and the token decrypts it.
enciphers() {
    run "$1 encrypts" user --encrypt -m "$1" --id 0232 --iv "$iv" -i "$2" -o cipher
    # shellcheck disable=SC2086 # the options are several words
    openssl enc $3 -K "$key" -in "$2" -out expected
    same "$1 is as OpenSSL's" expected cipher
    run "$1 decrypts" user --decrypt -m "$1" --id 0232 --iv "$iv" -i cipher -o plain
    same "$1 gives the plaintext again" "$2" plain
}
enciphers AES-ECB blocks '-aes-256-ecb -nopad'
enciphers AES-CBC blocks "-aes-256-cbc -nopad -iv $iv"
enciphers AES-CBC-PAD message "-aes-256-cbc -iv $iv"
run 'SHA256-HMAC signs' user --sign -m SHA256-HMAC --id 0264 -i message -o mac
openssl mac -digest SHA256 -macopt "hexkey:$(value 0264)" -in message -binary HMAC >expected
same "SHA256-HMAC is as OpenSSL's" expected mac
run 'SHA256-HMAC verifies' \
    user --verify -m SHA256-HMAC --id 0264 -i message --signature-file mac
contains 'the MAC is valid' 'Signature is valid' "$said"

echo '== encryption with RSA'
# deciphers MECHANISM "TOKEN OPTIONS" OPENSSL OPTION...: the token decrypts what OpenSSL encrypted.
deciphers() {
    local mechanism=$1 options=$2
    shift 2
    openssl pkeyutl -encrypt -pubin -inkey 02.pem "$@" -in message -out cipher
    # shellcheck disable=SC2086 # the options are several words
    run "$mechanism decrypts what OpenSSL encrypted" \
        user --decrypt -m "$mechanism" $options --id 02 -i cipher -o plain
    same 'to the same text' message plain
}
deciphers RSA-PKCS ''
deciphers RSA-PKCS-OAEP '--hash-algorithm SHA256' \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256

echo '== written and read objects'
openssl req -x509 -newkey rsa:2048 -nodes -keyout own.pem -subj /CN=imported -days 30 \
    -outform DER -out own.crt 2>/dev/null
openssl pkey -in own.pem -outform DER -out own.key
openssl pkey -in own.pem -pubout -outform DER -out own.pub
openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
openssl pkey -in ec.pem -outform DER -out ec.key
run 'a certificate is written' user --write-object own.crt --type cert --id 30 --label own
run 'its private key' user --write-object own.key --type privkey --id 30 --label own
run 'its public key' user --write-object own.pub --type pubkey --id 30 --label own
run 'a private key on a curve' user --write-object ec.key --type privkey --id 31 --usage-sign
head -c 32 /dev/urandom >secret
run 'a secret key' user --write-object secret --type secrkey --key-type AES:32 --id 32 --extractable
run 'a private data object' user --write-object message --type data --label note \
    --application-label clients --application-id 1.2.3.4 --private
run 'the certificate is read' tool --read-object --type cert --id 30 -o read
same 'and is the same' own.crt read
run 'the data object is read' user --read-object --type data --label note -o read
same 'and is the same' message read
run 'the data object is not there for the public' tool --list-objects --type data
lacks 'as it is private' note "$said"
public 30
signs SHA256-RSA-PKCS 30 -sha256
run 'the key on the curve signs' \
    user --sign -m ECDSA-SHA256 --id 31 -i message -o signature --signature-format openssl
openssl pkey -in ec.pem -pubout -out 31.pem
verified 'ECDSA of a written key' 31.pem signature message -sha256
run 'an identifier is changed' user --type cert --id 30 --set-id 33
run 'the certificate is read by it' tool --read-object --type cert --id 33 -o read
run 'the data object is deleted' user --delete-object --type data --label note
run 'data objects are listed' user --list-objects --type data
lacks 'without the deleted one' note "$said"

echo '== wrapping and derivation'
run 'RSA-PKCS wraps' user --wrap -m RSA-PKCS --id 30 --application-id 0232 -o wrapped
openssl pkeyutl -decrypt -inkey own.pem -in wrapped -out unwrapped
check 'OpenSSL unwraps it' "$key" "$(hex <unwrapped)"
openssl pkeyutl -encrypt -pubin -inkey 02.pem -in secret -out wrapped
run 'RSA-PKCS unwraps' user --unwrap -m RSA-PKCS --id 02 -i wrapped --key-type AES: \
    --application-id 40 --extractable
check 'what OpenSSL wrapped' "$(hex <secret)" "$(value 40)"
run 'AES-KEY-WRAP wraps' \
    user --wrap -m AES-KEY-WRAP --id 0232 --application-id 0264 -o wrapped
openssl enc -d -id-aes256-wrap -iv a6a6a6a6a6a6a6a6 -K "$key" -in wrapped -out unwrapped
check 'OpenSSL unwraps it' "$(value 0264)" "$(hex <unwrapped)"
run 'AES-CBC-PAD wraps' user --wrap -m AES-CBC-PAD --iv "$iv" --id 0232 --application-id 0264 -o wrapped
openssl enc -d -aes-256-cbc -K "$key" -iv "$iv" -in wrapped -out unwrapped
check 'OpenSSL unwraps it too' "$(value 0264)" "$(hex <unwrapped)"
openssl pkey -in ec.pem -pubout -outform DER -out peer.der
run 'ECDH1-DERIVE' user --derive -m ECDH1-DERIVE --id 03 -i peer.der -o shared
openssl pkeyutl -derive -inkey ec.pem -peerkey 03.pem -out expected
same "the secret is as OpenSSL's" expected shared

echo '== attributes of keys'
run 'a key that asks for the PIN each time' \
    user --keypairgen --key-type rsa:1024 --id 50 --always-auth
public 50
run 'signs after it' user --sign -m SHA256-RSA-PKCS --id 50 -i message -o signature
verified 'CKA_ALWAYS_AUTHENTICATE' 50.pem signature message -sha256
run 'a key for one mechanism' \
    user --keypairgen --key-type rsa:1024 --id 51 --allowed-mechanisms SHA256-RSA-PKCS
run 'signs with it' user --sign -m SHA256-RSA-PKCS --id 51 -i message -o signature
refuse 'and with no other' CKR_MECHANISM_INVALID \
    user --sign -m SHA384-RSA-PKCS --id 51 -i message -o signature

echo '== its own tests'
# The threads must be done before the test is, or the program waits for half a minute.
run 'pkcs11-tool --test, beside three threads' user --use-locking --test \
    --test-threads ILGISLT0 --test-threads INGISLT0 --test-threads GISLT0GISLT0
contains 'says that all is well' '^No errors' "$said"
run 'pkcs11-tool --test-ec' user --session-rw --test-ec --key-type EC:prime256v1 --id 60 --label ec
contains 'says so too' '==> OK' "$said"
# The token's file is the parent's; a token in memory is everybody's own.
: >memory.toml
run 'pkcs11-tool --test-fork' env REFERENCE_TOKEN_CONF=memory.toml \
    pkcs11-tool --module "$module" --test-fork
