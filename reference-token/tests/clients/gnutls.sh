#!/usr/bin/env bash
# GnuTLS: p11tool makes, writes, reads and deletes objects, certtool signs certificates with keys of
# the token, gnutls-serv serves TLS with them to gnutls-cli. OpenSSL checks what comes out.
source "$(dirname "$0")/common.sh"
need p11tool gnutls-bin
need openssl openssl

export GNUTLS_PIN=$user_pin GNUTLS_SO_PIN=$so_pin
tool() { p11tool --provider "$module" --batch "$@"; }
user() { tool --login "$@"; }
uri=pkcs11:token=$token

echo '== token and PINs'
run 'the uninitialised token has a URI' tool --list-token-urls
contains 'of its model' 'model=reference%20v3.2;' "$said"
run 'C_InitToken' tool --initialize --label "$token" --set-so-pin "$so_pin" "$said"
run 'C_InitPIN' tool --initialize-pin --set-pin "$user_pin" --set-so-pin "$so_pin" "$uri"
run 'the token is listed' tool --list-tokens
contains 'with its label' "Label: $token" "$said"
run 'mechanisms are listed' tool --list-mechanisms "$uri"
contains 'with those of RSA' 'CKM_SHA256_RSA_PKCS ' "$said"
run 'random bytes' tool --generate-random 64 --outfile random "$uri"
check 'they are 64' 64 "$(stat -c %s random)"

echo '== keys'
# pair LABEL ID OPTION...: makes a pair whose signatures p11tool finds right.
pair() {
    local label=$1 id=$2
    shift 2
    run "a pair: $*" user --label "$label" --id "$id" --outfile "$label.pub" "$@" "$uri"
    run 'signs' user --test-sign "$uri;object=$label;type=private"
    contains 'rightly, by its own public key' 'public key in the token... ok' "$said"
    run 'its public key is exported' \
        user --export-pubkey --outfile exported "$uri;object=$label;type=private"
    same 'as when it was made' "$label.pub" exported
}
pair rsa 01 --generate-privkey=rsa --bits 2048
pair p256 02 --generate-privkey=ecdsa --curve secp256r1
pair p384 03 --generate-privkey=ecdsa --curve secp384r1
pair p521 04 --generate-privkey=ecdsa --curve secp521r1
run 'RSA-PSS signs' \
    user --test-sign --sign-params rsa-pss --hash sha384 "$uri;object=rsa;type=private"
contains 'rightly' 'public key in the token... ok' "$said"

echo '== certificates'
cat >template <<'T'
cn = "localhost"
dns_name = localhost
serial = 7
expiration_days = 30
tls_www_server
signing_key
ca
T
for key in rsa p256; do
    run "a certificate signed by $key" certtool --provider "$module" --generate-self-signed \
        --load-privkey "$uri;object=$key;type=private" --load-pubkey "$key.pub" \
        --template template --outfile "$key.crt"
    run 'its signature is right, says OpenSSL' openssl verify -CAfile "$key.crt" "$key.crt"
done
run 'a certificate is written' user --write --load-certificate rsa.crt --label rsa --id 01 "$uri"
run 'another one' user --write --load-certificate p256.crt --label p256 --id 02 "$uri"
run 'certificates with keys are listed' user --list-certs "$uri"
contains 'among them the first' 'object=rsa;type=cert' "$said"
contains 'and the other' 'object=p256;type=cert' "$said"
run 'a certificate is read without login' \
    tool --export --outfile read.crt "$uri;object=p256;type=cert"
check 'and is the same' "$(openssl x509 -in p256.crt -fingerprint -noout)" \
    "$(openssl x509 -in read.crt -fingerprint -noout)"
run 'the security officer trusts a certificate' tool --so-login --write --mark-trusted \
    --load-certificate rsa.crt --label trusted "$uri"
run 'trusted certificates are listed' tool --list-all-trusted "$uri"
contains 'with that one' 'object=trusted;type=cert' "$said"

echo '== objects written, changed and deleted'
openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out own.key
openssl pkey -in own.key -pubout -out own.pub
run 'a private key is written' user --write --load-privkey own.key --label own --id 05 "$uri"
run 'its public key too' user --write --load-pubkey own.pub --label own --id 05 "$uri"
run 'signs' user --test-sign "$uri;object=own;type=private"
contains 'rightly' 'public key in the token... ok' "$said"
run 'a secret key is written' user --write --secret-key 000102030405060708090a0b0c0d0e0f \
    --label secret "$uri"
run 'its label is changed' user --set-label renamed "$uri;object=secret;type=secret-key"
run 'its identifier too' user --set-id 0a0b "$uri;object=renamed;type=secret-key"
run 'objects are listed' user --list-all "$uri"
contains 'as changed' 'id=%0A%0B;object=renamed;type=secret-key' "$said"
run 'it is deleted' user --delete "$uri;object=renamed;type=secret-key"
run 'objects are listed again' user --list-all "$uri"
lacks 'without it' renamed "$said"

echo '== TLS'
for key in rsa p256; do
    port=$(free_port)
    serve "$key.log" 'listening on' gnutls-serv --provider "$module" --echo --port "$port" \
        --x509keyfile "$uri;object=$key;type=private" --x509certfile "$uri;object=$key;type=cert"
    for version in 1.2 1.3; do
        run "TLS $version with $key" bash -c "echo hello | gnutls-cli --x509cafile $key.crt \
            --verify-hostname localhost --priority NORMAL:-VERS-ALL:+VERS-TLS$version \
            --port $port 127.0.0.1"
        contains 'the certificate is trusted' 'The certificate is trusted' "$said"
        contains 'and what was said comes back' '^hello' "$said"
    done
    stop
done
