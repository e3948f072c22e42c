#!/usr/bin/env bash
# OpenSSH: ssh-keygen reads the public keys and signs certificates as an authority whose key is in
# the token, ssh-agent signs with its keys. Signatures are checked by ssh-keygen without the token.
source "$(dirname "$0")/common.sh"
need ssh-agent openssh-client
need pkcs11-tool opensc
need openssl openssl

# Programs of OpenSSH ask for the PIN by running another.
printf '#!/bin/sh\necho %s\n' "$user_pin" >ask
chmod +x ask
export SSH_ASKPASS=$scratch/ask SSH_ASKPASS_REQUIRE=force

initialize
echo '== public keys'
id=0
for type in rsa:2048 EC:prime256v1 EC:secp521r1; do
    id=$((id + 1))
    run "a pair of $type" pkcs11-tool --module "$module" --login --pin "$user_pin" --keypairgen \
        --key-type "$type" --id "0$id" --label "key$id"
    run 'its public key is read' \
        pkcs11-tool --module "$module" --read-object --type pubkey --id "0$id" -o "$id.der"
    openssl pkey -pubin -inform DER -in "$id.der" -out "$id.pem"
    ssh-keygen -i -m PKCS8 -f "$id.pem" >"$id.pub"
done
run 'ssh-keygen reads the public keys' ssh-keygen -D "$module"
for id in 1 2 3; do
    check "key $id is that of the token" "$(<"$id.pub")" \
        "$(sed -n "s/ key$id\$//p" <<<"$said")"
    # Names of two signers: a key itself, and whom it certifies.
    echo "signer$id $(<"$id.pub")" >>signers
    echo "certified$id cert-authority $(<"$id.pub")" >>signers
done

# signed WHAT SIGNER FILE: the signature FILE.sig is the signer's, and not of another file.
signed() {
    run "$1" bash -c "ssh-keygen -Y verify -f signers -I $2 -n file -s $3.sig <$3"
    refuse 'but not of other data' 'Signature verification failed|incorrect signature' \
        bash -c "{ cat $3; echo more; } | ssh-keygen -Y verify -f signers -I $2 -n file -s $3.sig"
}

echo '== an authority'
for id in 1 2 3; do
    ssh-keygen -q -t ed25519 -N '' -f "user$id"
    run "key $id certifies another" \
        ssh-keygen -D "$module" -s "$id.pub" -I "user$id" -n "certified$id" "user$id.pub"
    echo "text $id" >certified
    rm -f certified.sig
    run 'the other signs' ssh-keygen -Y sign -f "user$id-cert.pub" -n file certified
    signed 'the certificate is right' "certified$id" certified
done

echo '== the agent'
serve agent.log 'SSH_AUTH_SOCK=' ssh-agent -D -a "$scratch/agent" -P "$module"
export SSH_AUTH_SOCK=$scratch/agent
run 'ssh-add -s' ssh-add -s "$module"
run 'keys are listed' ssh-add -l
check 'all three of them' 3 "$(wc -l <<<"$said")"
for id in 1 2 3; do
    run "key $id signs and verifies" ssh-add -T "$id.pub"
    echo "message $id" >message
    rm -f message.sig
    run "key $id signs a file" ssh-keygen -Y sign -f "$id.pub" -n file message
    signed 'the signature is right' "signer$id" message
done
run 'ssh-add -e' ssh-add -e "$module"
refuse 'no keys are left' 'no identities' ssh-add -l
