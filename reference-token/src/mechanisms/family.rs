//! What families of mechanisms implement: the operations that a key or a hash runs, and the family
//! itself, with a function for each thing that a mechanism can be asked for.

use cryptoki_sys::*;

use super::{Derivation, Entry, Mechanism, Product, Yield};
use crate::attributes::{Attributes, Template};
use crate::rv::{Result, refuse};

/// A running digest.
pub(crate) trait Digesting: Send {
    fn length(&self) -> usize;
    /// The length of the digest when `more` bytes have come, if it depends on that.
    fn length_after(&self, _more: usize) -> usize {
        self.length()
    }
    fn update(&mut self, data: &[u8]);
    fn finish(self: Box<Self>) -> Vec<u8>;
    /// A copy in the same state.
    #[allow(dead_code, reason = "for C_GetOperationState, and tests")]
    fn duplicate(&self) -> Box<dyn Digesting>;
}

/// A running signature or MAC.
pub(crate) trait Signing: Send {
    /// Exact length of the signature.
    fn length(&self) -> usize;
    /// The length of the signature when `more` bytes have come, if it depends on that.
    fn length_after(&self, _more: usize) -> usize {
        self.length()
    }
    /// Takes the length from a buffer of so many bytes, if that is for the buffer to say.
    fn fit(&mut self, _room: usize) {}
    /// Whether data may come in parts.
    fn is_multipart(&self) -> bool;
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// Whether the signature uses up something of its key.
    fn spends(&self) -> bool {
        false
    }
    /// Takes what the signature uses up from the key as it now is; what that changes in the key.
    fn spend(&mut self, _key: &Attributes) -> Result<Template> {
        Ok(Template::new())
    }
    /// Places in the output of numbers that count from its beginning and become pointers.
    fn pointers(&self) -> Vec<usize> {
        Vec::new()
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>>;
}

/// A running verification of a signature or MAC.
pub(crate) trait Verifying: Send {
    /// Whether data may come in parts.
    fn is_multipart(&self) -> bool;
    /// Whether data may come in parts to C_VerifySignatureUpdate, which has the signature already.
    fn is_multipart_after_signature(&self) -> bool {
        self.is_multipart()
    }
    fn update(&mut self, data: &[u8]) -> Result<()>;
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()>;
}

/// A running verification that gives the signed data back.
pub(crate) trait Recovering: Send {
    /// A length that suffices for the data.
    fn bound(&self) -> usize;
    /// A length that suffices for the data of one signature, if it depends on that.
    fn bound_for(&self, _signature: &[u8]) -> usize {
        self.bound()
    }
    /// The data, if the signature is valid. The operation can be asked again.
    fn recover(&self, signature: &[u8]) -> Result<Vec<u8>>;
}

/// A running encryption or decryption.
pub(crate) trait Ciphering: Send {
    /// Whether data may come in parts.
    fn is_multipart(&self) -> bool;
    /// A length that suffices for the output of one call over all of `length` bytes.
    fn bound(&self, length: usize) -> usize;
    /// Exact length of what `update` would give for `length` bytes.
    fn update_length(&self, length: usize) -> usize;
    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>>;
    fn finish(self: Box<Self>) -> Result<Vec<u8>>;
    /// A copy in the same state, to compute an output that may turn out not to fit.
    fn duplicate(&self) -> Box<dyn Ciphering>;
}

/// How a mechanism fills a key up before it encrypts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// Not, or so that decryption takes it off again.
    No,
    /// With zeros behind, to a multiple of so many bytes.
    BehindTo(usize),
    /// With zeros before, to all that there is room for.
    BeforeAll,
}

/// Attributes that a mechanism contributes to a new object.
pub(crate) type Contribution = Template;

/// What derivation gives: the class of the new object, and its value.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) class: CK_OBJECT_CLASS,
    pub(crate) value: Vec<u8>,
}

/// A family of mechanisms. A function that a family leaves out is one that none of its entries
/// has the flag for, so the default is never reached by a published mechanism.
pub(crate) trait Family: Sync {
    fn entries(&self) -> &'static [Entry];

    fn digest(&self, _: &Mechanism) -> Result<Box<dyn Digesting>> {
        refuse(CKR_MECHANISM_INVALID)
    }
    fn sign(&self, _: &Mechanism, _key: &Attributes) -> Result<Box<dyn Signing>> {
        refuse(CKR_MECHANISM_INVALID)
    }
    fn verify(&self, _: &Mechanism, _key: &Attributes) -> Result<Box<dyn Verifying>> {
        refuse(CKR_MECHANISM_INVALID)
    }
    /// A signature from which the data can be recovered.
    fn sign_recover(&self, _: &Mechanism, _key: &Attributes) -> Result<Box<dyn Signing>> {
        refuse(CKR_MECHANISM_INVALID)
    }
    fn verify_recover(&self, _: &Mechanism, _key: &Attributes) -> Result<Box<dyn Recovering>> {
        refuse(CKR_MECHANISM_INVALID)
    }
    fn encrypt(&self, _: &Mechanism, _key: &Attributes) -> Result<Box<dyn Ciphering>> {
        refuse(CKR_MECHANISM_INVALID)
    }
    fn decrypt(&self, _: &Mechanism, _key: &Attributes) -> Result<Box<dyn Ciphering>> {
        refuse(CKR_MECHANISM_INVALID)
    }
    /// How a key is filled up before it is encrypted.
    fn filled(&self, mechanism: &Mechanism) -> Filled {
        match self.wrap_block(mechanism) {
            1 => Filled::No,
            block => Filled::BehindTo(block),
        }
    }
    /// Whether what is wrong with the bytes that were unwrapped must look like wrong padding, which
    /// could be asked for otherwise until the key is known.
    fn is_padding_secret(&self, _: &Mechanism) -> bool {
        false
    }
    /// Whether keys are wrapped with a secret key that the mechanism makes on the way.
    fn wraps_with_secret(&self) -> bool {
        false
    }
    /// The encryption of a key's bytes.
    fn wrap(&self, mechanism: &Mechanism, wrapper: &Attributes, key: Vec<u8>) -> Result<Vec<u8>> {
        let mut key = key;
        let length = key.len().next_multiple_of(self.wrap_block(mechanism));
        key.resize(length, 0);
        let mut cipher = self.encrypt(mechanism, wrapper)?;
        let mut output = cipher.update(&key)?;
        output.extend(cipher.finish()?);
        Ok(output)
    }
    /// The decryption of a wrapped key, still filled up.
    fn unwrap(
        &self,
        mechanism: &Mechanism,
        unwrapper: &Attributes,
        wrapped: &[u8],
    ) -> Result<Vec<u8>> {
        let mut cipher = self.decrypt(mechanism, unwrapper)?;
        let mut output = cipher.update(wrapped)?;
        output.extend(cipher.finish()?);
        Ok(output)
    }
    /// What the length of a key to be wrapped is filled up to a multiple of, with zero bytes.
    fn wrap_block(&self, _: &Mechanism) -> usize {
        1
    }
    /// The key type of what `generate_key` or `generate_pair` makes.
    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        None
    }
    /// The length of what `generate_key` makes, where the mechanism says it and not the template.
    fn implied_length(&self, _: &Mechanism) -> Option<usize> {
        None
    }
    /// The class of what `generate_key` makes.
    fn generated_class(&self) -> CK_OBJECT_CLASS {
        CKO_SECRET_KEY
    }
    fn generate_key(&self, _: &Mechanism, _template: &Attributes) -> Result<Contribution> {
        refuse(CKR_MECHANISM_INVALID)
    }
    /// As `generate_pair`, for mechanisms that read the private key's template too.
    fn generate_halves(
        &self,
        mechanism: &Mechanism,
        public: &Attributes,
        _private: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        self.generate_pair(mechanism, public)
    }
    /// As `generate_key`, for mechanisms that also give bytes back through their parameter.
    fn generate_answering(
        &self,
        mechanism: &Mechanism,
        template: &Attributes,
    ) -> Result<(Contribution, Vec<Vec<u8>>)> {
        Ok((self.generate_key(mechanism, template)?, Vec::new()))
    }
    /// Contributions to the public and the private key, from the public key's template.
    fn generate_pair(
        &self,
        _: &Mechanism,
        _public: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        refuse(CKR_MECHANISM_INVALID)
    }
    /// Bytes of ciphertext of an encapsulation.
    fn encapsulated_length(&self, _: &Mechanism, _key: &Attributes) -> Result<usize> {
        refuse(CKR_MECHANISM_INVALID)
    }
    /// Ciphertext and value of a new secret key, of `length` bytes if that is for others to choose.
    fn encapsulate(
        &self,
        _: &Mechanism,
        _key: &Attributes,
        _length: Option<usize>,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        refuse(CKR_MECHANISM_INVALID)
    }
    /// The value of the secret key in a ciphertext.
    fn decapsulate(
        &self,
        _: &Mechanism,
        _key: &Attributes,
        _ciphertext: &[u8],
        _length: Option<usize>,
    ) -> Result<Vec<u8>> {
        refuse(CKR_MECHANISM_INVALID)
    }
    /// The value of a new object of `length` bytes, or of the mechanism's own choice.
    fn derive(&self, _: &Mechanism, _base: &Attributes, _length: Option<usize>) -> Result<Derived> {
        refuse(CKR_MECHANISM_INVALID)
    }
    /// Derivation in general. A family with more to say than a class and a value, such as several
    /// keys, has this instead of `derive`.
    fn derive_keys(&self, asked: &Derivation) -> Result<Yield> {
        let Derived { class, value } =
            self.derive(asked.mechanism, asked.base, asked.own.bytes())?;
        let product = Product::secret(value);
        Ok(Yield::one(Product { class, ..product }))
    }
    /// Whether a data object can be the base of a derivation.
    fn derives_from_data(&self) -> bool {
        false
    }
}
