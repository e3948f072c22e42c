#!/usr/bin/env bash
# NSS: with the module in its database, certutil makes keys and certificates in the token, cmsutil
# signs and decrypts, pk12util imports, selfserv serves TLS. OpenSSL checks what comes out.
source "$(dirname "$0")/common.sh"
need certutil libnss3-tools
need openssl openssl

db=sql:$scratch/db
mkdir db
echo "$user_pin" >pin
head -c 100 /dev/urandom >noise
cert() { certutil "$1" -d "$db" -h "$token" -f pin "${@:2}"; }

initialize
echo '== the module'
run 'a database' certutil -N -d "$db" --empty-password
run 'the module is added' modutil -dbdir "$db" -force -add reference -libfile "$module"
run 'modules are listed' modutil -dbdir "$db" -list
contains 'with its token' "token: $token" "$said"

echo '== keys and certificates'
authority() { # Two questions are answered: an authority? critical?
    printf 'y\n\ny\n' | cert -S -n ca -s CN=ca -x -t CT,C,C -k rsa -g 2048 -z noise -v 3 -2 \
        --keyUsage certSigning,digitalSignature,critical
}
run 'an authority' authority
# Not one subject for all: NSS would take one's certificate for the other's.
server=(-8 localhost -c "$token:ca" -t ,, -z noise -v 2)
run 'a server with RSA' cert -S -n rsa -s CN=rsa "${server[@]}" -m 1 -k rsa -g 2048
run 'a server with P-256' cert -S -n p256 -s CN=p256 "${server[@]}" -m 2 -k ec -q nistp256
run 'a server with P-384' cert -S -n p384 -s CN=p384 "${server[@]}" -m 3 -k ec -q nistp384
run 'keys are listed' cert -K
listed=$said
for name in ca rsa p256 p384; do
    contains "with that of $name" "$token:$name" "$listed"
    cert -L -n "$token:$name" -a >"$name.crt"
    run "the certificate of $name is right" openssl verify -CAfile ca.crt "$name.crt"
done
run 'NSS finds a server right too' certutil -V -d "$db" -f pin -n "$token:p256" -u V
run 'a request' cert -R -s CN=request -k rsa -g 2048 -z noise -o request.csr
run 'is signed rightly' openssl req -inform DER -in request.csr -verify -noout
run 'the authority grants it' cert -C -c "$token:ca" -m 4 -i request.csr -o request.der
openssl x509 -inform DER -in request.der -out request.crt
run 'rightly' openssl verify -CAfile ca.crt request.crt

echo '== messages'
echo 'a message' >message
for name in rsa p256 p384; do
    run "$name signs" cmsutil -S -d "$db" -f pin -N "$token:$name" -H SHA256 -G \
        -i message -o message.cms
    run 'rightly' openssl cms -verify -inform DER -in message.cms -CAfile ca.crt -purpose any \
        -out plain
    same 'and it is that message' message plain
done
openssl cms -encrypt -aes256 -outform DER -in message -out sealed.cms rsa.crt
run 'RSA decrypts' cmsutil -D -d "$db" -f pin -i sealed.cms -o plain
check 'to that message' "$(<message)" "$(tr -d '\r' <plain)"

echo '== a key from elsewhere'
openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -subj /CN=own -days 30 -out own.crt \
    2>/dev/null
# NSS makes the key of the file, and unwraps the private key with it, in the token. For PBES2, the
# default, it gives the structure of version 2.40 to CKM_PKCS5_PBKD2, which the token cannot take.
openssl pkcs12 -export -inkey own.key -in own.crt -out own.p12 -name own -passout pass:word \
    -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1
run 'pk12util imports it' pk12util -i own.p12 -d "$db" -h "$token" -k pin -W word
run 'keys are listed' cert -K
contains 'it among them' ' (.*:)?own$' "$said"
run 'it is trusted' cert -M -n "$token:own" -t CT,C,C
run 'it signs' cmsutil -S -d "$db" -f pin -N "$token:own" -H SHA256 -G -i message -o message.cms
run 'rightly' openssl cms -verify -inform DER -in message.cms -CAfile own.crt -purpose any -out plain
# export_key NAME: with the cipher of the import, for the same reason.
export_key() {
    pk12util -o "$1.p12" -n "$token:$1" -d "$db" -h "$token" -k pin -W word -C none \
        -c 'PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC'
}
mv own.p12 imported.p12
run 'pk12util exports it again' export_key own
check 'and it is the same' "$(openssl pkey -in own.key -outform DER | hex)" "$(openssl pkcs12 \
    -in own.p12 -nocerts -noenc -passin pass:word | openssl pkey -outform DER | hex)"
refuse 'a key made in the token is not exported' 'could not be located and exported' export_key rsa
run 'key and certificate are deleted' cert -F -n "$token:own"
run 'keys are listed again' cert -K
lacks 'it is gone' ' (.*:)?own$' "$said"

echo '== TLS'
port=$(free_port)
serve selfserv.log 'About to call accept' selfserv -d "$db" -n "$token:rsa" -e "$token:p256" \
    -p "$port" -f pin -v -V tls1.2:tls1.3
connect() {
    converse 'GET / HTTP/1.0\r\n\r\n' '^HTTP/1.0 200 OK' openssl s_client \
        -connect "127.0.0.1:$port" -CAfile ca.crt -verify_return_error \
        -verify_hostname localhost -quiet -no_ign_eof "$@"
}
for suite in ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-GCM-SHA256; do
    run "TLS 1.2 with $suite" connect -tls1_2 -cipher "$suite"
    contains 'is answered' '^HTTP/1.0 200 OK' "$said"
done
for algorithm in rsa_pss_rsae_sha256 ecdsa_secp256r1_sha256; do
    run "TLS 1.3 with $algorithm" connect -tls1_3 -sigalgs "$algorithm"
    contains 'is answered' '^HTTP/1.0 200 OK' "$said"
done
