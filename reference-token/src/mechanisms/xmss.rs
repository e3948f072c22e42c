//! XMSS and XMSS^MT: [PKCS11-Base 3.2] section 6.66, over RFC 8391 and SP 800-208. Verification
//! alone: signing keeps a state that no copy of a key may share. The arithmetic belongs to the `xmss`
//! crate.

use cryptoki_sys::*;
use xmss::{DetachedSignature, VerifyingKey, XmssParameter};

use super::once::{self, Stateful};
use super::settle::settle_public_info;
use super::{Entry, Family, Form, Mechanism, Verifying, der};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};

/// The mechanisms of both.
pub(super) struct Xmss;

/// Section 6.66.8: the sizes are not used.
static ENTRIES: [Entry; 2] = [
    entry(CKM_XMSS, &[CKK_XMSS]),
    entry(CKM_XMSSMT, &[CKK_XMSSMT]),
];

const fn entry(mechanism: CK_MECHANISM_TYPE, keys: &'static [CK_KEY_TYPE]) -> Entry {
    Entry {
        mechanism,
        sizes: (0, 0),
        flags: CKF_VERIFY,
        form: Form::None,
        keys,
    }
}

/// One of the two schemes.
struct Scheme {
    sets: &'static [Set],
    /// DER of the algorithm identifier of RFC 9802.
    algorithm: [u8; 10],
    /// What the crate adds to the number of a parameter set, since both schemes count from 1.
    offset: u32,
}

/// id-alg-xmss-hashsig: 1.3.6.1.5.5.7.6.34.
static XMSS: Scheme = Scheme {
    sets: &SETS,
    algorithm: [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, 0x22],
    offset: 0,
};

/// id-alg-xmssmt-hashsig: 1.3.6.1.5.5.7.6.35. Without its offset the crate reads most numbers in a
/// key as those of XMSS, and refuses the key.
static XMSS_MT: Scheme = Scheme {
    sets: &MT_SETS,
    algorithm: [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, 0x23],
    offset: 0x0001_0000,
};

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

/// The numbers of the IANA registry for XMSS, which RFC 8391 and SP 800-208 filled.
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

/// The numbers for XMSS^MT.
static MT_SETS: [Set; 56] = [
    set::<xmss::XmssMtSha2_20_2_256>(0x01),
    set::<xmss::XmssMtSha2_20_4_256>(0x02),
    set::<xmss::XmssMtSha2_40_2_256>(0x03),
    set::<xmss::XmssMtSha2_40_4_256>(0x04),
    set::<xmss::XmssMtSha2_40_8_256>(0x05),
    set::<xmss::XmssMtSha2_60_3_256>(0x06),
    set::<xmss::XmssMtSha2_60_6_256>(0x07),
    set::<xmss::XmssMtSha2_60_12_256>(0x08),
    set::<xmss::XmssMtSha2_20_2_512>(0x09),
    set::<xmss::XmssMtSha2_20_4_512>(0x0a),
    set::<xmss::XmssMtSha2_40_2_512>(0x0b),
    set::<xmss::XmssMtSha2_40_4_512>(0x0c),
    set::<xmss::XmssMtSha2_40_8_512>(0x0d),
    set::<xmss::XmssMtSha2_60_3_512>(0x0e),
    set::<xmss::XmssMtSha2_60_6_512>(0x0f),
    set::<xmss::XmssMtSha2_60_12_512>(0x10),
    set::<xmss::XmssMtShake_20_2_256>(0x11),
    set::<xmss::XmssMtShake_20_4_256>(0x12),
    set::<xmss::XmssMtShake_40_2_256>(0x13),
    set::<xmss::XmssMtShake_40_4_256>(0x14),
    set::<xmss::XmssMtShake_40_8_256>(0x15),
    set::<xmss::XmssMtShake_60_3_256>(0x16),
    set::<xmss::XmssMtShake_60_6_256>(0x17),
    set::<xmss::XmssMtShake_60_12_256>(0x18),
    set::<xmss::XmssMtShake_20_2_512>(0x19),
    set::<xmss::XmssMtShake_20_4_512>(0x1a),
    set::<xmss::XmssMtShake_40_2_512>(0x1b),
    set::<xmss::XmssMtShake_40_4_512>(0x1c),
    set::<xmss::XmssMtShake_40_8_512>(0x1d),
    set::<xmss::XmssMtShake_60_3_512>(0x1e),
    set::<xmss::XmssMtShake_60_6_512>(0x1f),
    set::<xmss::XmssMtShake_60_12_512>(0x20),
    set::<xmss::XmssMtSha2_20_2_192>(0x21),
    set::<xmss::XmssMtSha2_20_4_192>(0x22),
    set::<xmss::XmssMtSha2_40_2_192>(0x23),
    set::<xmss::XmssMtSha2_40_4_192>(0x24),
    set::<xmss::XmssMtSha2_40_8_192>(0x25),
    set::<xmss::XmssMtSha2_60_3_192>(0x26),
    set::<xmss::XmssMtSha2_60_6_192>(0x27),
    set::<xmss::XmssMtSha2_60_12_192>(0x28),
    set::<xmss::XmssMtShake256_20_2_256>(0x29),
    set::<xmss::XmssMtShake256_20_4_256>(0x2a),
    set::<xmss::XmssMtShake256_40_2_256>(0x2b),
    set::<xmss::XmssMtShake256_40_4_256>(0x2c),
    set::<xmss::XmssMtShake256_40_8_256>(0x2d),
    set::<xmss::XmssMtShake256_60_3_256>(0x2e),
    set::<xmss::XmssMtShake256_60_6_256>(0x2f),
    set::<xmss::XmssMtShake256_60_12_256>(0x30),
    set::<xmss::XmssMtShake256_20_2_192>(0x31),
    set::<xmss::XmssMtShake256_20_4_192>(0x32),
    set::<xmss::XmssMtShake256_40_2_192>(0x33),
    set::<xmss::XmssMtShake256_40_4_192>(0x34),
    set::<xmss::XmssMtShake256_40_8_192>(0x35),
    set::<xmss::XmssMtShake256_60_3_192>(0x36),
    set::<xmss::XmssMtShake256_60_6_192>(0x37),
    set::<xmss::XmssMtShake256_60_12_192>(0x38),
];

impl Scheme {
    /// The parameter set that the first four bytes of a public key name, and its number.
    fn named(&self, value: &[u8]) -> Result<(&'static Set, u32)> {
        let name = value.first_chunk().map(|name| u32::from_be_bytes(*name));
        let name = name.ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
        let mut sets = self.sets.iter();
        let set = sets.find(|set| set.name == CK_ULONG::from(name));
        Ok((set.ok_or(refusal(CKR_PARAMETER_SET_NOT_SUPPORTED))?, name))
    }

    fn verify(&self, value: &[u8], message: &[u8], signature: &[u8]) -> Result<bool> {
        let (set, name) = self.named(value)?;
        ensure(signature.len() == set.signature, CKR_SIGNATURE_LEN_RANGE)?;
        let mut value = value.to_vec();
        value[..4].copy_from_slice(&(name + self.offset).to_be_bytes());
        Ok((set.check)(&value, message, signature))
    }
}

impl Stateful for Xmss {
    fn verify(value: &[u8], message: &[u8], signature: &[u8]) -> Result<bool> {
        XMSS.verify(value, message, signature)
    }
}

/// The verification of XMSS^MT.
struct XmssMt;

impl Stateful for XmssMt {
    fn verify(value: &[u8], message: &[u8], signature: &[u8]) -> Result<bool> {
        XMSS_MT.verify(value, message, signature)
    }
}

/// Checks a public key object, whose value names its parameter set once more, and adds what
/// follows from the value.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    let scheme = match key.ulong(CKA_KEY_TYPE) {
        Some(CKK_XMSSMT) => &XMSS_MT,
        _ => &XMSS,
    };
    let value = key.bytes(CKA_VALUE).to_vec();
    let (set, _) = scheme.named(&value)?;
    let sound = key.ulong(CKA_PARAMETER_SET) == Some(set.name) && value.len() == set.public;
    ensure(sound, CKR_ATTRIBUTE_VALUE_INVALID)?;
    let algorithm = der::sequence(&[&scheme.algorithm]);
    let info = der::sequence(&[&algorithm, &der::bit_string(&value)]);
    settle_public_info(key, info, Some(CKA_VALUE))
}

/// The table has no private keys of these types, so none comes here.
pub(super) fn settle_private(_: &mut Attributes) -> Result<()> {
    refuse(CKR_ATTRIBUTE_VALUE_INVALID)
}

impl Family for Xmss {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(match mechanism.kind {
            CKM_XMSSMT => once::verify::<XmssMt>(key),
            _ => once::verify::<Xmss>(key),
        })
    }
}
