#!/usr/bin/env bash
# Java's SunPKCS11: a program compares the token with Java's own providers (Client.java), keytool
# makes a key and its certificate in the token. OpenSSL checks signatures and certificate.
source "$(dirname "$0")/common.sh"
need javac openjdk-17-jdk-headless
need openssl openssl

printf 'name = Token\nlibrary = %s\nslotListIndex = 0\n' "$module" >provider.cfg
# What the provider adds to its templates: the standard's defaults keep keys from derivation.
cat >>provider.cfg <<'CONFIGURATION'
attributes(generate, CKO_PRIVATE_KEY, CKK_EC) = {
  CKA_DERIVE = true
}
CONFIGURATION

initialize
openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -subj /CN=own -days 30 -out own.crt \
    2>/dev/null
openssl pkcs12 -export -inkey own.key -in own.crt -out own.p12 -name own -passout pass:password

echo '== a program'
javac -d . "$here/Client.java" || fail 'the program compiles' success failure
java -XX:TieredStopAtLevel=1 -cp . Client provider.cfg "$user_pin" own.p12 password \
    || fail 'the program' success 'what is told above'
printf 'a message of some length' >message
for name in rsa-SHA256withRSA rsa-SHA512withRSA rsa-pss secp256r1 secp384r1 secp521r1; do
    openssl pkey -pubin -inform DER -in "$name.pub" -out "$name.pem"
    options=(-sha256)
    case $name in
        rsa-SHA512withRSA) options=(-sha512) ;;
        rsa-pss) options+=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32) ;;
    esac
    verified "$name" "$name.pem" "$name.sig" message "${options[@]}"
done

echo '== keytool'
tool() {
    keytool "$1" -keystore NONE -storetype PKCS11 -storepass "$user_pin" \
        -providerClass sun.security.pkcs11.SunPKCS11 -providerArg provider.cfg "${@:2}"
}
run 'a key and its certificate' tool -genkeypair -alias made -keyalg EC -groupname secp256r1 \
    -dname CN=made -sigalg SHA256withECDSA
run 'the certificate is read' tool -exportcert -rfc -alias made -file made.crt
run 'its signature is right, says OpenSSL' openssl verify -check_ss_sig -CAfile made.crt made.crt
run 'entries are listed' tool -list
contains 'with the new one' '^made, PrivateKeyEntry' "$said"
contains 'and that of the program' '^own, PrivateKeyEntry' "$said"
run 'the new one is deleted' tool -delete -alias made
run 'entries are listed again' tool -list
lacks 'without it' '^made,' "$said"
