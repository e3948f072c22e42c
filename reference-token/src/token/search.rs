//! Searching: C_FindObjectsInit, C_FindObjects and C_FindObjectsFinal of section 5.7. A search
//! settles what it will find when it starts; objects destroyed meanwhile are left out.

use cryptoki_sys::*;

use super::Token;
use super::kind::Kind;
use super::operation::{Running, Work};
use super::transcript::Transcript;
use crate::attributes::{Template, is_known};
use crate::rv::{Result, ensure};

impl Token {
    /// C_FindObjectsInit. An attribute type that no object has matches nothing.
    pub(crate) fn find_init(&self, session: CK_SESSION_HANDLE, template: &Template) -> Result<()> {
        let mut operations = self.session(session)?.operations();
        operations.check_start(Kind::Find)?;
        let possible = template.iter().all(|(attribute, _)| is_known(*attribute));
        // Until version 3.0 section 4.3.2 kept hardware features from searches that do not ask for
        // them, for the sake of applications that do not know them. We keep that, and treat
        // mechanism objects in the same way.
        let by_class = template
            .iter()
            .any(|(attribute, _)| *attribute == CKA_CLASS);
        let aside = |class| matches!(class, Some(CKO_HW_FEATURE | CKO_MECHANISM));
        let objects = self.objects.matching(template).filter(|object| {
            let asked = || by_class || !aside(object.attributes.ulong(CKA_CLASS));
            let seen = self.sees(object) || mutant!("private-found-before-login");
            possible && seen && (!object.is_built_in() || asked())
        });
        let mut found: Vec<_> = objects.map(|object| object.handle).collect();
        if template.is_empty() && mutant!("empty-template-finds-nothing") {
            found.clear();
        }
        found.reverse();
        let search = Running::new(Work::Find(found), Transcript::none());
        operations.start(Kind::Find, search)
    }

    /// C_FindObjects: at most `most` further handles, and none only if there are no more.
    pub(crate) fn find_next(
        &self,
        session: CK_SESSION_HANDLE,
        most: usize,
    ) -> Result<Vec<CK_OBJECT_HANDLE>> {
        loop {
            if most == 0 && mutant!("find-of-nothing-hangs") {
                continue;
            }
            let mut operations = self.session(session)?.operations();
            let remaining = operations.search()?;
            let batch = remaining.split_off(remaining.len().saturating_sub(most));
            let last = batch.is_empty();
            if mutant!("find-forgets-the-rest") {
                remaining.clear();
            }
            // What was visible when the search began still is: a logout ends searches.
            let there = |handle: &CK_OBJECT_HANDLE| self.objects.has(*handle);
            let handles: Vec<_> = batch.into_iter().rev().filter(there).collect();
            if last || !handles.is_empty() {
                return Ok(handles);
            }
        }
    }

    /// C_FindObjectsFinal.
    pub(crate) fn find_final(&self, session: CK_SESSION_HANDLE) -> Result<()> {
        let mut operations = self.session(session)?.operations();
        if mutant!("find-final-keeps-search") {
            return operations.search().map(|_| ());
        }
        let running = operations.end(Kind::Find);
        let ended = running || mutant!("find-final-without-init");
        ensure(ended, CKR_OPERATION_NOT_INITIALIZED)
    }
}
