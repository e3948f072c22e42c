//! CKA_EC_PARAMS: which curve it names, and how. Explicit and implicit parameters are refused here
//! for all curves; what a curve is belongs to the file of its form.

use cryptoki_sys::*;

use crate::mechanisms::der;
use crate::rv::{Result, refuse};

/// Which choice of `Parameters` (section 6.3.3) names the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Oid,
    CurveName,
}

/// A curve and what it is called.
pub(super) struct Names<C> {
    pub(super) curve: C,
    /// DER of the object identifier.
    pub(super) oid: &'static [u8],
    pub(super) names: &'static [&'static str],
}

/// The curve that CKA_EC_PARAMS names. Section 6.3: a well-formed name of a curve that is not in
/// the table is CKR_CURVE_NOT_SUPPORTED; a representation that is not taken (ecParameters,
/// implicitlyCA), or none at all, is CKR_DOMAIN_PARAMS_INVALID.
pub(super) fn named<C: Copy>(table: &[Names<C>], parameters: &[u8]) -> Result<(C, Choice)> {
    let choice = match der::read(parameters) {
        Some((der::OBJECT_IDENTIFIER, content)) if is_identifier(content) => Choice::Oid,
        Some((der::PRINTABLE_STRING, content)) if is_printable(content) => Choice::CurveName,
        _ => return refuse(CKR_DOMAIN_PARAMS_INVALID),
    };
    let matches = |known: &&Names<C>| match choice {
        Choice::Oid => known.oid == parameters,
        Choice::CurveName => known
            .names
            .iter()
            .any(|name| parameters.get(2..) == Some(name.as_bytes())),
    };
    match table.iter().find(matches) {
        Some(known) => Ok((known.curve, choice)),
        None => refuse(CKR_CURVE_NOT_SUPPORTED),
    }
}

/// X.690 section 8.19: subidentifiers end with a clear top bit and do not begin with 0x80.
fn is_identifier(content: &[u8]) -> bool {
    let ends = content.last().is_some_and(|last| last & 0x80 == 0);
    let mut begins = true;
    let padded = content.iter().any(|byte| {
        let padding = begins && *byte == 0x80;
        begins = byte & 0x80 == 0;
        padding
    });
    ends && !padded
}

fn is_printable(content: &[u8]) -> bool {
    let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(byte);
    !content.is_empty() && content.iter().all(printable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    static TABLE: [Names<u8>; 1] = [Names {
        curve: 1,
        oid: &[0x06, 0x03, 0x2b, 0x65, 0x70],
        names: &["edwards25519"],
    }];

    #[test]
    fn a_curve_is_named_by_identifier_or_by_curve_name() {
        assert_eq!(named(&TABLE, &hex("06032b6570")), Ok((1, Choice::Oid)));
        // The sample template of section 6.3.5.
        let sample = hex("130c656477617264733235353139");
        assert_eq!(named(&TABLE, &sample), Ok((1, Choice::CurveName)));
    }

    #[test]
    fn unknown_curves_are_told_from_bad_parameters() {
        let code = |parameters: &str| named(&TABLE, &hex(parameters)).unwrap_err().code();
        for unknown in ["06052b8104000a", "1303612d62"] {
            assert_eq!(code(unknown), CKR_CURVE_NOT_SUPPORTED, "{unknown}");
        }
        for bad in [
            "", "3000", "0500", "06", "0600", "06012b00", "060180", "0602ff", "1300", "130100",
        ] {
            assert_eq!(code(bad), CKR_DOMAIN_PARAMS_INVALID, "{bad}");
        }
    }
}
