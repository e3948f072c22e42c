//! Searching: C_FindObjectsInit, C_FindObjects and C_FindObjectsFinal of section 5.7. A search
//! settles what it will find when it starts; objects destroyed meanwhile are left out.

use cryptoki_sys::*;

use super::Token;
use super::kind::Kind;
use super::operation::{Running, Work};
use crate::attributes::{Template, is_known};
use crate::rv::{Result, ensure};

impl Token {
    /// C_FindObjectsInit. An attribute type that no object has matches nothing.
    pub(crate) fn find_init(
        &mut self,
        session: CK_SESSION_HANDLE,
        template: &Template,
    ) -> Result<()> {
        self.session(session)?.operations.check_start(Kind::Find)?;
        let possible = template.iter().all(|(attribute, _)| is_known(*attribute));
        let objects = self
            .objects
            .iter()
            .filter(|object| possible && self.sees(object) && object.attributes.matches(template));
        let mut found: Vec<_> = objects.map(|object| object.handle).collect();
        found.reverse();
        let search = Running::new(Work::Find(found));
        self.session_mut(session)?
            .operations
            .start(Kind::Find, search)
    }

    /// C_FindObjects: at most `most` further handles.
    pub(crate) fn find_next(
        &mut self,
        session: CK_SESSION_HANDLE,
        most: usize,
    ) -> Result<Vec<CK_OBJECT_HANDLE>> {
        let mut handles = Vec::new();
        while handles.len() < most {
            let remaining = self.session_mut(session)?.operations.search()?;
            let Some(handle) = remaining.pop() else { break };
            if self.visible(handle, CKR_OBJECT_HANDLE_INVALID).is_ok() {
                handles.push(handle);
            }
        }
        // Even a call that asks for nothing needs a search to ask.
        self.session_mut(session)?.operations.search()?;
        Ok(handles)
    }

    /// C_FindObjectsFinal.
    pub(crate) fn find_final(&mut self, session: CK_SESSION_HANDLE) -> Result<()> {
        let operations = &mut self.session_mut(session)?.operations;
        let running = operations.end(Kind::Find);
        ensure(running, CKR_OPERATION_NOT_INITIALIZED)
    }
}
