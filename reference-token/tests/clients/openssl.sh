#!/usr/bin/env bash
# OpenSSL with the engine of libp11: signs certificates and messages, decrypts, derives, and serves
# TLS with keys of the token. OpenSSL without the engine checks what comes out.
source "$(dirname "$0")/common.sh"
need openssl openssl
need pkcs11-tool opensc
run 'OpenSSL tells where its engines are' openssl version -e
[ -e "$(sed -n 's/^ENGINESDIR: "\(.*\)"$/\1/p' <<<"$said")/pkcs11.so" ] || {
    echo 'missing: the engine pkcs11 (package libengine-pkcs11-openssl)'
    exit 77
}

cat >engine.cnf <<CONFIGURATION
openssl_conf = init
[init]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
MODULE_PATH = $module
PIN = $user_pin
init = 0
[req]
distinguished_name = name
[name]
CONFIGURATION
printf '[req]\ndistinguished_name = name\n[name]\n' >plain.cnf
export OPENSSL_CONF=$scratch/plain.cnf
# engine COMMAND OPTION...: openssl with the token's keys.
engine() { OPENSSL_CONF=$scratch/engine.cnf openssl "$1" -engine pkcs11 "${@:2}"; }
uri() { echo "pkcs11:token=$token;object=$1;type=private"; }

initialize
# pair LABEL ID TYPE: makes a pair. libp11 finds the public key of a private one by their identifier.
pair() {
    run "a pair of $3" pkcs11-tool --module "$module" --login --pin "$user_pin" \
        --keypairgen --key-type "$3" --id "$2" --label "$1"
}
pair rsa 01 rsa:2048
pair p256 02 EC:prime256v1
pair p384 03 EC:secp384r1
echo 'a message' >message

echo '== signatures'
for key in rsa p256 p384; do
    run "the public key of $key" \
        engine pkey -inform engine -in "$(uri "$key")" -pubout -out "$key.pub"
    run "$key signs" engine dgst -sha256 -keyform engine -sign "$(uri "$key")" -out signature message
    verified "$key" "$key.pub" signature message -sha256
done
pss=(-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32)
run 'RSA-PSS signs' \
    engine dgst "${pss[@]}" -keyform engine -sign "$(uri rsa)" -out signature message
verified RSA-PSS rsa.pub signature message "${pss[@]}"

echo '== decryption and derivation'
for padding in pkcs1 oaep; do
    openssl pkeyutl -encrypt -pubin -inkey rsa.pub -pkeyopt "rsa_padding_mode:$padding" \
        -in message -out cipher
    run "RSA with $padding decrypts" engine pkeyutl -decrypt -keyform engine -inkey "$(uri rsa)" \
        -pkeyopt "rsa_padding_mode:$padding" -in cipher -out plain
    same 'to the same text' message plain
done
openssl ecparam -name prime256v1 -genkey -noout -out peer.key
openssl pkey -in peer.key -pubout -out peer.pub
run 'ECDH derives' engine pkeyutl -derive -keyform engine -inkey "$(uri p256)" \
    -peerkey peer.pub -out shared
openssl pkeyutl -derive -inkey peer.key -peerkey p256.pub -out expected
same 'the same as the other side' expected shared

echo '== certificates'
openssl req -new -newkey rsa:2048 -nodes -keyout own.key -subj /CN=other -out own.csr 2>/dev/null
for key in rsa p256; do
    run "an authority with $key" engine req -new -x509 -keyform engine -key "$(uri "$key")" \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -addext basicConstraints=critical,CA:TRUE -days 30 -out "$key.crt"
    run 'signs itself rightly' openssl verify -check_ss_sig -CAfile "$key.crt" "$key.crt"
    run 'it signs for another' engine x509 -req -in own.csr -CA "$key.crt" -CAkeyform engine \
        -CAkey "$(uri "$key")" -days 30 -out own.crt
    run 'rightly' openssl verify -CAfile "$key.crt" own.crt
    run 'it signs a message' engine cms -sign -keyform engine -inkey "$(uri "$key")" \
        -signer "$key.crt" -in message -out message.cms
    run 'rightly too' openssl cms -verify -CAfile "$key.crt" -in message.cms -out plain
    check 'and it is that message' "$(<message)" "$(tr -d '\r' <plain)"
done

echo '== TLS'
# connect CA OPTION...: says hello to the server at $port, and what it answers.
connect() {
    converse 'hello\n' '^olleh' openssl s_client -connect "127.0.0.1:$port" -CAfile "$1" \
        -verify_return_error -verify_hostname localhost -quiet -no_ign_eof "${@:2}"
}
for key in rsa p256; do
    port=$(free_port)
    serve "$key.log" '^ACCEPT' env OPENSSL_CONF=engine.cnf openssl s_server -engine pkcs11 \
        -accept "127.0.0.1:$port" -keyform engine -key "$(uri "$key")" -cert "$key.crt" -rev
    for version in tls1_2 tls1_3; do
        run "$version with $key" connect "$key.crt" "-$version"
        contains 'what was said comes back' '^olleh' "$said"
    done
    stop
done
# The other way round: a key of the token tells the server who the client is.
openssl req -new -x509 -newkey rsa:2048 -nodes -keyout server.key -subj /CN=localhost -days 30 \
    -addext subjectAltName=DNS:localhost -out server.crt 2>/dev/null
connect_by_engine() {
    local OPENSSL_CONF=$scratch/engine.cnf
    connect server.crt -engine pkcs11 -keyform engine -key "$(uri "$1")" -cert "$1.crt"
}
for key in rsa p256; do
    port=$(free_port)
    serve "client-$key.log" '^ACCEPT' openssl s_server -accept "127.0.0.1:$port" -key server.key \
        -cert server.crt -CAfile "$key.crt" -Verify 1 -verify_return_error -rev
    run "a client with $key" connect_by_engine "$key"
    contains 'is served' '^olleh' "$said"
done
