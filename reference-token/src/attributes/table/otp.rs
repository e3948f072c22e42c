//! Rows of one-time password keys, [PKCS11-Base 3.2] section 6.53.5: besides those of all secret
//! keys, which `keys` gives them. The values are those that HOTP can do something with.

use cryptoki_sys::*;

use super::Kind::{Bool, Bytes, OneOf, Text, Time, Ulong};
use super::Preset::{self, Absent, Empty, True};
use super::{Rule, Section, of, row, typed};

/// RFC 4226 section 5.3: passwords of six digits, possibly seven or eight.
pub(super) const DIGITS: &[CK_ULONG] = &[6, 7, 8];

/// HOTP has neither challenge nor time nor PIN.
const IGNORED: &[CK_ULONG] = &[CK_OTP_PARAM_IGNORED];
/// A counter is in the key, or given. It cannot be ignored: verification needs the one given.
const COUNTER: &[CK_ULONG] = &[CK_OTP_PARAM_OPTIONAL, CK_OTP_PARAM_MANDATORY];

#[rustfmt::skip]
static OTP_KEY: [Rule; 15] = [
    row(CKA_OTP_FORMAT,                OneOf(&[CK_OTP_FORMAT_DECIMAL]), &[], Preset::Ulong(CK_OTP_FORMAT_DECIMAL)),
    row(CKA_OTP_LENGTH,                OneOf(DIGITS), &[9], Preset::Ulong(6)),
    row(CKA_OTP_USER_FRIENDLY_MODE,    Bool,           &[9], True),
    row(CKA_OTP_CHALLENGE_REQUIREMENT, OneOf(IGNORED), &[9], Preset::Ulong(CK_OTP_PARAM_IGNORED)),
    row(CKA_OTP_TIME_REQUIREMENT,      OneOf(IGNORED), &[9], Preset::Ulong(CK_OTP_PARAM_IGNORED)),
    row(CKA_OTP_COUNTER_REQUIREMENT,   OneOf(COUNTER), &[9], Preset::Ulong(CK_OTP_PARAM_OPTIONAL)),
    row(CKA_OTP_PIN_REQUIREMENT,       OneOf(IGNORED), &[9], Preset::Ulong(CK_OTP_PARAM_IGNORED)),
    row(CKA_OTP_COUNTER,               Bytes,          &[],  Empty),
    row(CKA_OTP_TIME,                  Time,           &[],  Empty),
    row(CKA_OTP_USER_IDENTIFIER,       Text,           &[],  Empty),
    row(CKA_OTP_SERVICE_IDENTIFIER,    Text,           &[],  Empty),
    row(CKA_OTP_SERVICE_LOGO,          Bytes,          &[],  Empty),
    row(CKA_OTP_SERVICE_LOGO_TYPE,     Text,           &[],  Empty),
    row(CKA_VALUE,                     Bytes,          &[1, 4, 6, 7], Absent),
    row(CKA_VALUE_LEN,                 Ulong,          &[2, 3], Absent),
];

pub(super) static SECTIONS: &[Section] =
    &[of(CKO_OTP_KEY, &OTP_KEY), typed(CKO_OTP_KEY, CKK_HOTP, &[])];
