//! Which operations the sessions of a sequence may have, and what that leaves the target free to answer.

use std::collections::{BTreeMap, BTreeSet};

use cryptoki_sys::{CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED};

use super::handle;
use crate::cryptoki::Function;
use crate::sequence::Call;

/// Functions of which the standard does not say what an error leaves of the operation: those on two at once
/// ([PKCS11-Base 3.2] 5.17), and C_DigestKey (5.12.4).
const ERROR_UNSAID: [Function; 5] = [
    Function::C_DigestEncryptUpdate,
    Function::C_DecryptDigestUpdate,
    Function::C_SignEncryptUpdate,
    Function::C_DecryptVerifyUpdate,
    Function::C_DigestKey,
];

/// Functions at which operations of all sessions may end, or not (5.6.8, 5.6.9, 5.6.10).
const LOGINS: [Function; 3] = [Function::C_Login, Function::C_LoginUser, Function::C_Logout];

/// What was begun on the sessions, by their names.
#[derive(Debug, Default)]
pub(super) struct Operations {
    /// The functions that began operations in their order, whether or not these are over.
    begun: BTreeMap<String, Vec<Function>>,
    /// Sessions whose last operation took a part of its input.
    in_parts: BTreeSet<String>,
    /// The objects that operations of the sessions were begun with.
    keys: BTreeMap<String, BTreeSet<String>>,
}

impl Operations {
    /// True if what came before lets target and model answer so differently. Which operations a token takes
    /// side by side is its own affair, searches among them (5.1.6, CKR_OPERATION_ACTIVE); one of a kind is all there
    /// is. It may have a mechanism for input in one part alone.
    pub(super) fn leaves_free(
        &self,
        function: Function,
        session: Option<&str>,
        (target, model): (u64, u64),
    ) -> bool {
        let begun = session.and_then(|session| self.begun.get(session));
        let last = begun.and_then(|begun| begun.last());
        match (target, model) {
            (CKR_OPERATION_ACTIVE, _) => last.is_some(),
            (_, CKR_OPERATION_ACTIVE) => last != Some(&function),
            (CKR_OPERATION_NOT_INITIALIZED, _) | (_, CKR_OPERATION_NOT_INITIALIZED) => {
                let parts = session.is_some_and(|session| self.in_parts.contains(session));
                is_of_parts(function) && last.is_some() && !parts
            }
            _ => false,
        }
    }

    /// Takes note of a call that succeeded on either side.
    pub(super) fn follow(&mut self, call: &Call) {
        let function = call.function;
        let Some(session) = handle(call, 0) else {
            return;
        };
        let begins = function.name().ends_with("Init");
        if begins || function == Function::C_SetOperationState {
            self.in_parts.remove(&session);
            let keys = (1..call.arguments.len()).filter_map(|place| handle(call, place));
            self.keys.entry(session.clone()).or_default().extend(keys);
            self.begun.entry(session).or_default().push(function);
        } else if is_of_parts(function) {
            self.in_parts.insert(session);
        }
    }

    /// True if a call that failed may have ended an operation of its session, or not.
    pub(super) fn is_unsaid_after_an_error(
        &self,
        function: Function,
        session: Option<&str>,
    ) -> bool {
        use Function::{
            C_Sign, C_SignFinal, C_SignInit, C_SignRecover, C_SignRecoverInit, C_SignUpdate,
            C_Verify, C_VerifyFinal, C_VerifyInit, C_VerifyRecover, C_VerifyRecoverInit,
            C_VerifyUpdate,
        };
        // An error "terminates the current verification operation" (5.15.3), which one with recovery may be, or not.
        let other = match function {
            C_Sign | C_SignUpdate | C_SignFinal => Some(C_SignRecoverInit),
            C_SignRecover => Some(C_SignInit),
            C_Verify | C_VerifyUpdate | C_VerifyFinal => Some(C_VerifyRecoverInit),
            C_VerifyRecover => Some(C_VerifyInit),
            _ => None,
        };
        let begun = session.and_then(|session| self.begun.get(session));
        let has = |init| begun.is_some_and(|begun| begun.contains(&init));
        ERROR_UNSAID.contains(&function) || other.is_some_and(has)
    }

    /// The sessions whose operations may be over after a call that succeeded. Nothing says what becomes of an operation
    /// whose key is destroyed, as session objects are with the session that made them (5.6.2).
    pub(super) fn unsure_after(&self, call: &Call) -> Vec<String> {
        let is_unsure = |session: &str| {
            let keys = self.keys.get(session);
            match call.function {
                Function::C_DestroyObject => handle(call, 1)
                    .zip(keys)
                    .is_some_and(|(gone, keys)| keys.contains(&gone)),
                Function::C_CloseSession => {
                    let is_its_own = handle(call, 0).is_some_and(|closed| closed == session);
                    !is_its_own && keys.is_some_and(|keys| !keys.is_empty())
                }
                function => LOGINS.contains(&function),
            }
        };
        let sessions = self.begun.keys().filter(|session| is_unsure(session));
        sessions.cloned().collect()
    }
}

/// Functions of input in parts.
fn is_of_parts(function: Function) -> bool {
    let name = function.name();
    let ends = ["Update", "MessageNext", "MessageBegin", "Final"];
    let whole = name.starts_with("C_Message") || function == Function::C_FindObjectsFinal;
    !whole && ends.iter().any(|end| name.ends_with(end))
}
