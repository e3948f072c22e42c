//! Batteries for what published attacks rest on: how RSA keys are generated, what is unwrapped and what
//! derived keys keep.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::stage::{Stage, aes, secret};
use crate::support::{Attributes, hex, plain, rsa_private, rsa_public, with};
use crate::values::{derive, shown};

/// A key pair; the half that the caller wants.
fn pair(
    stage: &Stage,
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM_TYPE,
    public: &Attributes,
) -> [CK_OBJECT_HANDLE; 2] {
    let private = Attributes::new().bool(CKA_DERIVE, true);
    let (mut public, mut private) = (public.list(), private.list());
    let counts = [public.count(), private.count()];
    let (mut one, mut other, mut mechanism) = (0, 0, plain(mechanism));
    play!(
        stage,
        C_GenerateKeyPair(
            session,
            &mut mechanism,
            public.pointer(),
            counts[0],
            private.pointer(),
            counts[1],
            &mut one,
            &mut other,
        )
    );
    [one, other]
}

/// Whether a number is a power of 65537 modulo each of these primes, as one in a million is by chance.
fn has_fingerprint(modulus: &[u8]) -> bool {
    [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103]
        .into_iter()
        .all(|prime| {
            let rest = modulus
                .iter()
                .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
            let powers = std::iter::successors(Some(1), |power| Some(power * 65537 % prime));
            powers.take(prime as usize).any(|power| power == rest)
        })
}

/// Two RSA key pairs whose public exponents are the token's own, and one whose exponent changes nothing.
pub(super) fn pairs(stage: &Stage, session: CK_SESSION_HANDLE) {
    let template = Attributes::new().ulong(CKA_MODULUS_BITS, 512);
    let moduli = [(); 2].map(|()| {
        let [public, _] = pair(stage, session, CKM_RSA_PKCS_KEY_PAIR_GEN, &template);
        let exponent = stage.value(session, public, CKA_PUBLIC_EXPONENT);
        stage.say(format_args!("exponent: {exponent:?}"));
        stage.value(session, public, CKA_MODULUS)
    });
    let marked = has_fingerprint(&moduli[0]) && has_fingerprint(&moduli[1]);
    stage.say(format_args!(
        "the same modulus twice: {}",
        moduli[0] == moduli[1]
    ));
    stage.say(format_args!("powers of 65537: {marked}"));
    let template = template.bytes(CKA_PUBLIC_EXPONENT, [1]);
    pair(stage, session, CKM_RSA_PKCS_KEY_PAIR_GEN, &template);
}

fn unwrap(
    stage: &Stage,
    session: CK_SESSION_HANDLE,
    (mut mechanism, unwrapper): (CK_MECHANISM, CK_OBJECT_HANDLE),
    wrapped: &[u8],
    template: &Attributes,
) {
    let (mut list, mut key) = (template.list(), 0);
    let (count, length) = (list.count(), wrapped.len() as CK_ULONG);
    play!(
        stage,
        C_UnwrapKey(
            session,
            &mut mechanism,
            unwrapper,
            input!(wrapped),
            length,
            list.pointer(),
            count,
            &mut key
        )
    );
}

/// An AES key that comes as a secret of no named length, five bytes that come as one, and a private key whose
/// numbers do not fit.
pub(super) fn unwrapped(stage: &Stage, session: CK_SESSION_HANDLE) {
    let (wrapper, key) = (stage.create(session, &aes()), stage.create(session, &aes()));
    let mut mechanism = plain(CKM_AES_KEY_WRAP);
    let (mut wrapped, mut length) = ([0; 64], 64);
    let place = wrapped.as_mut_ptr();
    play!(
        stage,
        C_WrapKey(session, &mut mechanism, wrapper, key, place, &mut length)
    );
    let wrapped = wrapped.get(..length as usize).unwrap_or_default();
    unwrap(stage, session, (mechanism, wrapper), wrapped, &shown());

    let public = stage.create(session, &rsa_public());
    let private = stage.create(session, &rsa_private().bool(CKA_UNWRAP, true));
    let mut mechanism = plain(CKM_RSA_PKCS);
    play!(stage, C_EncryptInit(session, &mut mechanism, public));
    let (mut sealed, mut length) = ([0; 256], 256);
    let place = sealed.as_mut_ptr();
    play!(
        stage,
        C_Encrypt(session, input!(b"short"), 5, place, &mut length)
    );
    let template = shown().altered(CKA_KEY_TYPE, |kind| *kind = CKK_AES.to_ne_bytes().into());
    unwrap(stage, session, (mechanism, private), &sealed, &template);

    let changed = rsa_private().altered(CKA_PRIVATE_EXPONENT, |exponent| exponent[100] ^= 1);
    stage.create(session, &changed);
}

/// An open key from a sensitive one, and secrets with points that no honest party has.
pub(super) fn derived(stage: &Stage, session: CK_SESSION_HANDLE) {
    let base = secret(CKK_GENERIC_SECRET, &[5; 16])
        .bool(CKA_DERIVE, true)
        .bool(CKA_SENSITIVE, true);
    let base = stage.create(session, &base);
    let mut first_bit: CK_ULONG = 0;
    let mechanism = with(CKM_EXTRACT_KEY_FROM_KEY, &mut first_bit);
    let template = shown().ulong(CKA_VALUE_LEN, 16);
    derive(stage, session, (mechanism, base), &template);
    for (generation, curve, mut point) in [
        (
            CKM_EC_KEY_PAIR_GEN,
            "06082a8648ce3d030107",
            [&[4][..], &[0; 64]].concat(),
        ),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "06032b656e", vec![0; 32]),
    ] {
        let public = Attributes::new().bytes(CKA_EC_PARAMS, hex(curve));
        let [_, private] = pair(stage, session, generation, &public);
        let mut parameter = CK_ECDH1_DERIVE_PARAMS {
            kdf: CKD_NULL,
            ulSharedDataLen: 0,
            pSharedData: null_mut(),
            ulPublicDataLen: point.len() as CK_ULONG,
            pPublicData: point.as_mut_ptr(),
        };
        let mechanism = with(CKM_ECDH1_DERIVE, &mut parameter);
        derive(stage, session, (mechanism, private), &shown());
    }
}
