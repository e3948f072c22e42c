//! EdDSA operations: [PKCS11-Base 3.2] section 6.3.14. Owns which scheme curve and parameter choose,
//! and the collecting of data; keys and arithmetic belong to `edwards`.

use cryptoki_sys::*;

use super::edwards::{Edwards, Scheme};
use super::parameters::Choice;
use crate::attributes::Attributes;
use crate::mechanisms::{Parameter, Signing, Verifying};
use crate::rv::{Result, ensure, refuse};

/// Section 6.3.14: on a curve named as in RFC 8410 the scheme is the pure one and there is no
/// parameter; on one named as in RFC 8032 the parameter chooses, and Ed448 needs one.
fn scheme(curve: Edwards, choice: Choice, parameter: &Parameter) -> Result<Scheme> {
    match (choice, curve, parameter) {
        (Choice::Oid, _, Parameter::None) => Ok(Scheme::Pure),
        (Choice::CurveName, Edwards::Edwards25519, Parameter::None) => Ok(Scheme::Pure),
        (Choice::CurveName, _, Parameter::Eddsa { prehash, context }) => {
            ensure(context.len() <= 255, CKR_MECHANISM_PARAM_INVALID)?;
            let context = context.clone();
            Ok(match prehash {
                true => Scheme::Prehashed(context),
                false => Scheme::Context(context),
            })
        }
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

/// A running operation. Pure EdDSA reads its data twice, so they are all kept.
pub(super) struct Eddsa {
    curve: Edwards,
    scheme: Scheme,
    key: Vec<u8>,
    data: Vec<u8>,
}

impl Eddsa {
    /// An operation with the private or public value `attribute` of a key.
    pub(super) fn new(
        parameter: &Parameter,
        key: &Attributes,
        attribute: CK_ATTRIBUTE_TYPE,
    ) -> Result<Box<Eddsa>> {
        let (curve, choice) = Edwards::named(key)?;
        Ok(Box::new(Eddsa {
            curve,
            scheme: scheme(curve, choice, parameter)?,
            key: key.bytes(attribute).to_vec(),
            data: Vec::new(),
        }))
    }
}

impl Signing for Eddsa {
    fn length(&self) -> usize {
        2 * self.curve.length()
    }
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.extend_from_slice(data);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        self.curve.sign(&self.key, &self.scheme, &self.data)
    }
}

impl Verifying for Eddsa {
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.extend_from_slice(data);
        Ok(())
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        let sized = signature.len() == 2 * self.curve.length();
        ensure(sized, CKR_SIGNATURE_LEN_RANGE)?;
        let Eddsa {
            curve,
            scheme,
            key,
            data,
        } = *self;
        ensure(
            curve.verify(&key, &scheme, &data, signature),
            CKR_SIGNATURE_INVALID,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curve_name_and_parameter_choose_the_scheme() {
        use Choice::{CurveName, Oid};
        use Edwards::{Edwards448, Edwards25519};
        let with = |prehash| Parameter::Eddsa {
            prehash,
            context: vec![1],
        };
        let code =
            |curve, choice, parameter| scheme(curve, choice, &parameter).map_err(|r| r.code());
        let invalid = Err(CKR_MECHANISM_PARAM_INVALID);
        assert_eq!(
            code(Edwards25519, CurveName, Parameter::None),
            Ok(Scheme::Pure)
        );
        assert_eq!(code(Edwards448, CurveName, Parameter::None), invalid);
        assert_eq!(code(Edwards448, Oid, Parameter::None), Ok(Scheme::Pure));
        assert_eq!(code(Edwards25519, Oid, with(false)), invalid);
        assert_eq!(
            code(Edwards448, CurveName, with(true)),
            Ok(Scheme::Prehashed(vec![1]))
        );
        let long = Parameter::Eddsa {
            prehash: false,
            context: vec![0; 256],
        };
        assert_eq!(code(Edwards25519, CurveName, long), invalid);
    }
}
