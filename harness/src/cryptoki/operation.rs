//! The operations that a session may have under way, and the functions of each ([PKCS11-Base 3.2] 5.8 to 5.16).

use super::Function;

use Function as F;

/// An operation: what begins it, feeds it and ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Begins it. No two operations have the same.
    pub init: Function,
    /// Takes the whole input, or the whole of one message.
    pub one: Option<Function>,
    /// Begins a message in parts; of operations on messages alone.
    pub begin: Option<Function>,
    /// Takes a part.
    pub update: Option<Function>,
    /// Ends it after the last part, or the last message.
    pub finish: Option<Function>,
}

impl Operation {
    /// True if it is on messages, which go on until they are ended by name ([PKCS11-Base 3.2] 5.9).
    #[must_use]
    pub fn is_on_messages(&self) -> bool {
        self.begin.is_some()
    }

    /// True if this function goes on with it, whatever it answers but an error.
    #[must_use]
    pub fn goes_on_with(&self, function: Function) -> bool {
        let digests_key = self.init == F::C_DigestInit && function == F::C_DigestKey;
        let message = self.is_on_messages() && self.one == Some(function);
        digests_key || message || self.begin == Some(function) || self.update == Some(function)
    }

    /// True if this function ends it, unless it asks for a size.
    #[must_use]
    pub fn ends_with(&self, function: Function) -> bool {
        !self.is_on_messages() && self.one == Some(function) || self.finish == Some(function)
    }
}

const fn in_parts(init: Function, one: Function, update: Function, finish: Function) -> Operation {
    Operation {
        init,
        one: Some(one),
        begin: None,
        update: Some(update),
        finish: Some(finish),
    }
}

const fn at_once(init: Function, one: Function) -> Operation {
    Operation {
        init,
        one: Some(one),
        begin: None,
        update: None,
        finish: None,
    }
}

const fn on_messages(
    init: Function,
    one: Function,
    begin: Function,
    update: Function,
    finish: Function,
) -> Operation {
    Operation {
        init,
        one: Some(one),
        begin: Some(begin),
        update: Some(update),
        finish: Some(finish),
    }
}

/// All of them but searches: with a mechanism.
#[rustfmt::skip]
pub static OPERATIONS: [Operation; 12] = [
    in_parts(F::C_EncryptInit, F::C_Encrypt, F::C_EncryptUpdate, F::C_EncryptFinal),
    in_parts(F::C_DecryptInit, F::C_Decrypt, F::C_DecryptUpdate, F::C_DecryptFinal),
    in_parts(F::C_DigestInit,  F::C_Digest,  F::C_DigestUpdate,  F::C_DigestFinal),
    in_parts(F::C_SignInit,    F::C_Sign,    F::C_SignUpdate,    F::C_SignFinal),
    in_parts(F::C_VerifyInit,  F::C_Verify,  F::C_VerifyUpdate,  F::C_VerifyFinal),
    in_parts(F::C_VerifySignatureInit, F::C_VerifySignature, F::C_VerifySignatureUpdate, F::C_VerifySignatureFinal),
    at_once(F::C_SignRecoverInit,   F::C_SignRecover),
    at_once(F::C_VerifyRecoverInit, F::C_VerifyRecover),
    on_messages(F::C_MessageEncryptInit, F::C_EncryptMessage, F::C_EncryptMessageBegin, F::C_EncryptMessageNext, F::C_MessageEncryptFinal),
    on_messages(F::C_MessageDecryptInit, F::C_DecryptMessage, F::C_DecryptMessageBegin, F::C_DecryptMessageNext, F::C_MessageDecryptFinal),
    on_messages(F::C_MessageSignInit,    F::C_SignMessage,    F::C_SignMessageBegin,    F::C_SignMessageNext,    F::C_MessageSignFinal),
    on_messages(F::C_MessageVerifyInit,  F::C_VerifyMessage,  F::C_VerifyMessageBegin,  F::C_VerifyMessageNext,  F::C_MessageVerifyFinal),
];

/// A search for objects ([PKCS11-Base 3.2] 5.7.7 to 5.7.9).
pub static SEARCH: Operation = Operation {
    init: F::C_FindObjectsInit,
    one: None,
    begin: None,
    update: Some(F::C_FindObjects),
    finish: Some(F::C_FindObjectsFinal),
};

/// The operation that this function begins.
#[must_use]
pub fn begun_by(init: Function) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.init == init)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_that_begins_an_operation_has_one() {
        let begins = |function: &&Function| {
            let name = function.name();
            name.ends_with("Init") && **function != F::C_FindObjectsInit
        };
        for function in Function::ALL.iter().filter(begins) {
            assert!(begun_by(*function).is_some(), "{function}");
        }
    }

    #[test]
    fn a_message_does_not_end_its_operation() {
        let messages = begun_by(F::C_MessageSignInit).expect("there is one");
        assert!(messages.goes_on_with(F::C_SignMessage) && !messages.ends_with(F::C_SignMessage));
        let digest = begun_by(F::C_DigestInit).expect("there is one");
        assert!(digest.ends_with(F::C_Digest) && digest.goes_on_with(F::C_DigestKey));
    }
}
