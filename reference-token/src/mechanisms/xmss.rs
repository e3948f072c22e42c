//! XMSS: [PKCS11-Base 3.2] section 6.66, over RFC 8391 and SP 800-208. Verification alone: signing
//! keeps a state that no copy of a key may share. The arithmetic belongs to the `xmss` crate; it
//! takes the identifiers of XMSS^MT keys for those of XMSS, so XMSS^MT is left out.

use cryptoki_sys::*;
use xmss::{DetachedSignature, VerifyingKey, XmssParameter};

use super::once::{self, Stateful};
use super::settle::settle_public_info;
use super::{Entry, Family, Form, Mechanism, Verifying, der};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};

/// The XMSS mechanism.
pub(super) struct Xmss;

/// Section 6.66.8: the sizes are not used.
static ENTRIES: [Entry; 1] = [Entry {
    mechanism: CKM_XMSS,
    sizes: (0, 0),
    flags: CKF_VERIFY,
    form: Form::None,
    keys: &[CKK_XMSS],
}];

/// DER of id-alg-xmss-hashsig, RFC 9802: 1.3.6.1.5.5.7.6.34.
const XMSS: [u8; 10] = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, 0x22];

/// A parameter set: its number, and what the crate makes of it.
struct Set {
    name: CK_ULONG,
    public: usize,
    signature: usize,
    check: fn(public: &[u8], message: &[u8], signature: &[u8]) -> bool,
}

const fn set<P: XmssParameter>(name: CK_ULONG) -> Set {
    Set {
        name,
        public: P::VK_LEN,
        signature: P::SIG_LEN,
        check: check::<P>,
    }
}

fn check<P: XmssParameter>(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = VerifyingKey::<P>::try_from(public);
    let signature = DetachedSignature::<P>::try_from(signature);
    match (key, signature) {
        (Ok(key), Ok(signature)) => key.verify_detached(&signature, message).is_ok(),
        _ => false,
    }
}

/// The numbers of the IANA registry that RFC 8391 and SP 800-208 filled.
static SETS: [Set; 21] = [
    set::<xmss::XmssSha2_10_256>(0x01),
    set::<xmss::XmssSha2_16_256>(0x02),
    set::<xmss::XmssSha2_20_256>(0x03),
    set::<xmss::XmssSha2_10_512>(0x04),
    set::<xmss::XmssSha2_16_512>(0x05),
    set::<xmss::XmssSha2_20_512>(0x06),
    set::<xmss::XmssShake_10_256>(0x07),
    set::<xmss::XmssShake_16_256>(0x08),
    set::<xmss::XmssShake_20_256>(0x09),
    set::<xmss::XmssShake_10_512>(0x0a),
    set::<xmss::XmssShake_16_512>(0x0b),
    set::<xmss::XmssShake_20_512>(0x0c),
    set::<xmss::XmssSha2_10_192>(0x0d),
    set::<xmss::XmssSha2_16_192>(0x0e),
    set::<xmss::XmssSha2_20_192>(0x0f),
    set::<xmss::XmssShake256_10_256>(0x10),
    set::<xmss::XmssShake256_16_256>(0x11),
    set::<xmss::XmssShake256_20_256>(0x12),
    set::<xmss::XmssShake256_10_192>(0x13),
    set::<xmss::XmssShake256_16_192>(0x14),
    set::<xmss::XmssShake256_20_192>(0x15),
];

/// The parameter set that the first four bytes of a public key name.
fn named(value: &[u8]) -> Result<&'static Set> {
    let name = value.first_chunk().map(|name| u32::from_be_bytes(*name));
    let name = name.ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
    let set = SETS.iter().find(|set| set.name == CK_ULONG::from(name));
    set.ok_or(refusal(CKR_PARAMETER_SET_NOT_SUPPORTED))
}

impl Stateful for Xmss {
    fn verify(value: &[u8], message: &[u8], signature: &[u8]) -> Result<bool> {
        let set = named(value)?;
        ensure(signature.len() == set.signature, CKR_SIGNATURE_LEN_RANGE)?;
        Ok((set.check)(value, message, signature))
    }
}

/// Checks a public key object, whose value names its parameter set once more, and adds what
/// follows from the value.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    let value = key.bytes(CKA_VALUE).to_vec();
    let set = named(&value)?;
    let sound = key.ulong(CKA_PARAMETER_SET) == Some(set.name) && value.len() == set.public;
    ensure(sound, CKR_ATTRIBUTE_VALUE_INVALID)?;
    let algorithm = der::sequence(&[&XMSS]);
    let info = der::sequence(&[&algorithm, &der::bit_string(&value)]);
    settle_public_info(key, info, Some(CKA_VALUE))
}

/// The table has no private keys of this type, so none comes here.
pub(super) fn settle_private(_: &mut Attributes) -> Result<()> {
    refuse(CKR_ATTRIBUTE_VALUE_INVALID)
}

impl Family for Xmss {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn verify(&self, _: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(once::verify::<Xmss>(key))
    }
}
