//! What earlier cases left on the token: objects of cases that ended before their time.

use super::script::{Script, handle, on, template};
use crate::cryptoki::Function::{
    C_DestroyObject, C_FindObjects, C_FindObjectsFinal, C_FindObjectsInit,
};
use crate::sequence::{Attribute, ForEach, Reference, Step};

/// Destroys all objects that match, in a session that may.
pub(super) fn purge(script: &mut Script, session: &str, own: Vec<Attribute>) {
    let init = on(session, C_FindObjectsInit).with("template", template(own));
    script.add(init.presumed());
    let found = on(session, C_FindObjects).room_for(64);
    script.add(found.keep("object", "left").presumed());
    script.add(on(session, C_FindObjectsFinal).presumed());
    let mut destroy = Script::default();
    let one = on(session, C_DestroyObject).with("object", handle("one"));
    destroy.add(one.presumed());
    script.step(Step::ForEach(ForEach {
        list: Reference::to("left"),
        bind: "one".to_owned(),
        steps: destroy.finish().steps,
    }));
}
