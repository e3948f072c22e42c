//! The ASN.1 of private keys and of domains, as `der` reads and writes it.

use der::Sequence;
use der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};

/// RFC 8017 appendix A.1.2, of two primes.
#[derive(Sequence)]
pub(super) struct RsaPrivateKey<'a> {
    pub(super) version: u8,
    pub(super) modulus: UintRef<'a>,
    pub(super) public_exponent: UintRef<'a>,
    pub(super) private_exponent: UintRef<'a>,
    pub(super) prime_1: UintRef<'a>,
    pub(super) prime_2: UintRef<'a>,
    pub(super) exponent_1: UintRef<'a>,
    pub(super) exponent_2: UintRef<'a>,
    pub(super) coefficient: UintRef<'a>,
}

/// RFC 5915. Section 6.7: parameters are not written, and what becomes of a public key is open.
#[derive(Sequence)]
pub(super) struct EcPrivateKey<'a> {
    pub(super) version: u8,
    pub(super) private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", optional = "true")]
    pub(super) parameters: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", optional = "true")]
    pub(super) public_key: Option<BitStringRef<'a>>,
}

/// Dss-Parms (p, q, g).
#[derive(Sequence)]
pub(super) struct Three<'a> {
    pub(super) first: UintRef<'a>,
    pub(super) second: UintRef<'a>,
    pub(super) third: UintRef<'a>,
}

/// DomainParameters of ANSI X9.42; a token has no place for the optional ones.
#[derive(Sequence)]
pub(super) struct X942<'a> {
    pub(super) prime: UintRef<'a>,
    pub(super) base: UintRef<'a>,
    pub(super) subprime: UintRef<'a>,
    #[asn1(optional = "true")]
    pub(super) cofactor: Option<UintRef<'a>>,
    #[asn1(optional = "true")]
    pub(super) validation: Option<AnyRef<'a>>,
}

/// DHParameter of PKCS #3.
#[derive(Sequence)]
pub(super) struct Dh<'a> {
    pub(super) prime: UintRef<'a>,
    pub(super) base: UintRef<'a>,
    #[asn1(optional = "true")]
    pub(super) length: Option<u32>,
}

/// The choice `both` of RFC 9881 and RFC 9935.
#[derive(Sequence)]
pub(super) struct Both<'a> {
    pub(super) seed: &'a OctetStringRef,
    pub(super) value: &'a OctetStringRef,
}

/// Tag of the choice `seed`: [0] IMPLICIT OCTET STRING.
pub(super) const SEED: u8 = 0x80;
