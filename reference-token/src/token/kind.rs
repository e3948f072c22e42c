//! The kinds of operation that a session can run: what each needs of mechanism and key, and which
//! may run side by side. One table; the running operations themselves are in `operation`.

use cryptoki_sys::*;

/// The kinds of operation that a session can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Find,
    Encrypt,
    Decrypt,
    Digest,
    Sign,
    SignRecover,
    Verify,
    VerifyRecover,
    VerifySignature,
    MessageEncrypt,
    MessageDecrypt,
    MessageSign,
    MessageVerify,
}

/// What a key is wanted for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The flag of the function in CK_MECHANISM_INFO.
    pub(super) flag: CK_FLAGS,
    /// The attribute that permits it.
    pub(super) usage: CK_ATTRIBUTE_TYPE,
    /// The class of asymmetric key that it takes; secret keys always serve.
    pub(super) class: CK_OBJECT_CLASS,
}

/// A kind, the flag under which CK_MECHANISM_INFO and C_SessionCancel know it, and the usage and
/// class of its key, if it has one.
struct Row(Kind, CK_FLAGS, Option<(CK_ATTRIBUTE_TYPE, CK_OBJECT_CLASS)>);

/// Section 5.6.5 names C_SessionCancel's flags as those of CK_MECHANISM_INFO, which has none for
/// C_VerifySignatureInit: that is a verification, and goes by CKF_VERIFY.
#[rustfmt::skip]
static KINDS: [Row; 13] = [
    Row(Kind::Find,            CKF_FIND_OBJECTS,    None),
    Row(Kind::Encrypt,         CKF_ENCRYPT,         Some((CKA_ENCRYPT,        CKO_PUBLIC_KEY))),
    Row(Kind::Decrypt,         CKF_DECRYPT,         Some((CKA_DECRYPT,        CKO_PRIVATE_KEY))),
    Row(Kind::Digest,          CKF_DIGEST,          None),
    Row(Kind::Sign,            CKF_SIGN,            Some((CKA_SIGN,           CKO_PRIVATE_KEY))),
    Row(Kind::SignRecover,     CKF_SIGN_RECOVER,    Some((CKA_SIGN_RECOVER,   CKO_PRIVATE_KEY))),
    Row(Kind::Verify,          CKF_VERIFY,          Some((CKA_VERIFY,         CKO_PUBLIC_KEY))),
    Row(Kind::VerifyRecover,   CKF_VERIFY_RECOVER,  Some((CKA_VERIFY_RECOVER, CKO_PUBLIC_KEY))),
    Row(Kind::VerifySignature, CKF_VERIFY,          Some((CKA_VERIFY,         CKO_PUBLIC_KEY))),
    Row(Kind::MessageEncrypt,  CKF_MESSAGE_ENCRYPT, Some((CKA_ENCRYPT,        CKO_PUBLIC_KEY))),
    Row(Kind::MessageDecrypt,  CKF_MESSAGE_DECRYPT, Some((CKA_DECRYPT,        CKO_PRIVATE_KEY))),
    Row(Kind::MessageSign,     CKF_MESSAGE_SIGN,    Some((CKA_SIGN,           CKO_PRIVATE_KEY))),
    Row(Kind::MessageVerify,   CKF_MESSAGE_VERIFY,  Some((CKA_VERIFY,         CKO_PUBLIC_KEY))),
];

/// The pairs that the dual functions of section 5.17 work on. Section 5.1.6, CKR_OPERATION_ACTIVE:
/// a third operation beside a pair is refused.
const PAIRS: [(Kind, Kind); 4] = [
    (Kind::Digest, Kind::Encrypt),
    (Kind::Decrypt, Kind::Digest),
    (Kind::Sign, Kind::Encrypt),
    (Kind::Decrypt, Kind::Verify),
];

impl Kind {
    fn row(self) -> &'static Row {
        KINDS
            .iter()
            .find(|row| row.0 == self)
            .expect("every kind has its row")
    }

    /// The flag of CK_MECHANISM_INFO.
    pub(super) fn flag(self) -> CK_FLAGS {
        self.row().1
    }

    /// What an operation of this kind wants its key for; None if it has no key.
    pub(super) fn wanted(self) -> Option<Wanted> {
        self.row().2.map(|(usage, class)| Wanted {
            flag: self.flag(),
            usage,
            class,
        })
    }

    /// Whether operations of this kind are processes, in which each message is an operation.
    pub(super) fn is_process(self) -> bool {
        use Kind::{MessageDecrypt, MessageEncrypt, MessageSign, MessageVerify};
        [MessageEncrypt, MessageDecrypt, MessageSign, MessageVerify].contains(&self)
    }

    /// The kinds that some of `flags` stand for.
    pub(super) fn flagged(flags: CK_FLAGS) -> impl Iterator<Item = Kind> {
        KINDS
            .iter()
            .filter(move |row| flags & row.1 != 0)
            .map(|row| row.0)
    }

    /// Whether an operation of this kind may start beside those that run, on a token that allows
    /// pairs or does not.
    ///
    /// A search and a cryptographic operation do not hinder each other. Section 5.7.7 forbids a
    /// second search in a session and nothing else; section 5.1.6 tells of a search that prevents
    /// an encryption as an example of when CKR_OPERATION_ACTIVE may be met, not as a duty to
    /// refuse, and applications look for keys while they digest or sign.
    pub(super) fn may_join(self, mut running: impl Iterator<Item = Kind>, dual: bool) -> bool {
        if self == Kind::Find {
            return running.all(|kind| kind != Kind::Find);
        }
        let mut partners = running.filter(|kind| *kind != Kind::Find);
        match (partners.next(), partners.next()) {
            (None, _) => true,
            (Some(one), None) => {
                dual && (PAIRS.contains(&(self, one)) || PAIRS.contains(&(one, self)))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a token that allows pairs.
    fn joins(kind: Kind, running: &[Kind]) -> bool {
        kind.may_join(running.iter().copied(), true)
    }

    #[test]
    fn only_the_pairs_of_the_dual_functions_run_side_by_side() {
        assert!(joins(Kind::Encrypt, &[]));
        assert!(joins(Kind::Encrypt, &[Kind::Digest]));
        assert!(joins(Kind::Digest, &[Kind::Decrypt]));
        assert!(joins(Kind::Verify, &[Kind::Decrypt]));
        assert!(!joins(Kind::Verify, &[Kind::Encrypt]));
        assert!(!joins(Kind::Encrypt, &[Kind::Encrypt]));
        assert!(!joins(Kind::Encrypt, &[Kind::Decrypt]));
        assert!(!joins(Kind::Sign, &[Kind::Digest, Kind::Encrypt]));
        assert!(!joins(Kind::VerifySignature, &[Kind::Decrypt]));
        assert!(!Kind::Encrypt.may_join([Kind::Digest].into_iter(), false));
        assert!(!joins(Kind::MessageEncrypt, &[Kind::Digest]));
    }

    #[test]
    fn a_search_hinders_only_another_search() {
        assert!(joins(Kind::Find, &[Kind::Digest, Kind::Encrypt]));
        assert!(joins(Kind::Encrypt, &[Kind::Find]));
        assert!(joins(Kind::Encrypt, &[Kind::Find, Kind::Digest]));
        assert!(!joins(Kind::Find, &[Kind::Sign, Kind::Find]));
    }

    #[test]
    fn every_flag_names_its_kinds() {
        let kinds = |flags| Kind::flagged(flags).collect::<Vec<_>>();
        assert_eq!(kinds(CKF_VERIFY), [Kind::Verify, Kind::VerifySignature]);
        assert_eq!(
            kinds(CKF_FIND_OBJECTS | CKF_MESSAGE_SIGN),
            [Kind::Find, Kind::MessageSign]
        );
        assert!(kinds(0).is_empty());
        assert_eq!(kinds(CK_FLAGS::MAX).len(), KINDS.len());
    }
}
