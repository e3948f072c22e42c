//! Handles: one is one object's, whatever session shows it, and nothing's once the object is gone
//! ([PKCS11-Base 3.2] 5.6.2, 5.7.3 and 5.7.5).

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::draw::{Draw, draw};
use super::super::ground::Ground;
use super::super::question::Question;
use super::super::script::{
    Make, Script, asked, attribute, call, equals, flag, handle, is_number, length, literal, number,
    octets, on, template, ulong,
};
use super::super::table::Asked;
use super::SESSIONS;
use crate::cryptoki::Function::{
    C_CloseSession, C_CreateObject, C_DestroyObject, C_FindObjects, C_FindObjectsFinal,
    C_FindObjectsInit, C_GetAttributeValue, C_OpenSession,
};

/// An object of a session, known by what is in it.
#[derive(Debug, Clone)]
struct Thing {
    name: String,
    session: &'static str,
    value: Vec<u8>,
}

/// What happens in a case, by numbers that are drawn: which session, which object, and what.
type Turn = (Index, Index, u8);

/// A handle is one object's.
pub(in crate::property) fn handles_apart(_: &Arc<Ground>) -> Asked {
    let turns = vec((any::<Index>(), any::<Index>(), 0..8u8), 1..=24);
    let ask = |(draw, turns): (Draw, Vec<Turn>)| {
        let mut script = Script::default();
        Story::of(&mut script, &draw).tell(&mut script, &turns);
        Question::new("objects", script)
    };
    Ok((draw(), turns).prop_map(ask).boxed())
}

/// The sessions that are open, the objects that there are, and those that are gone.
struct Story {
    label: Vec<u8>,
    noise: Vec<u8>,
    open: Vec<&'static str>,
    there: Vec<Thing>,
    /// Those that are gone, as long as nothing was made since.
    gone: Vec<Thing>,
    made: u8,
}

impl Story {
    fn of(script: &mut Script, draw: &Draw) -> Self {
        for session in SESSIONS {
            let flags = number(CKF_SERIAL_SESSION | CKF_RW_SESSION);
            let open = call(C_OpenSession).with("flags", flags);
            script.add(open.keep("session", session).presumed());
        }
        Self {
            label: draw.name().into_bytes(),
            noise: draw.bytes(2, 8),
            open: SESSIONS.to_vec(),
            there: Vec::new(),
            gone: Vec::new(),
            made: 0,
        }
    }

    fn tell(mut self, script: &mut Script, turns: &[Turn]) {
        for (which, what, how) in turns {
            let session = *which.get(&self.open);
            match how {
                0..=2 => self.make(script, session),
                3 if !self.there.is_empty() => {
                    let thing = self.there.remove(what.index(self.there.len()));
                    let destroy = on(session, C_DestroyObject);
                    script.add(destroy.with("object", handle(&thing.name)));
                    self.gone.push(thing);
                }
                4 if self.open.len() > 1 => self.close(script, session),
                _ if !self.there.is_empty() => {
                    let thing = what.get(&self.there);
                    script.add(shows(session, thing));
                }
                _ => {}
            }
        }
        for (place, thing) in self.there.iter().enumerate() {
            script.add(shows(self.open[place % self.open.len()], thing));
        }
        for thing in &self.gone {
            script.add(read(self.open[0], &thing.name).fails());
        }
        self.count(script);
    }

    fn make(&mut self, script: &mut Script, session: &'static str) {
        // The numbers of those that are gone may be given out again.
        self.gone.clear();
        self.made += 1;
        let thing = Thing {
            name: format!("object-{}", self.made),
            session,
            value: [&[self.made][..], &self.noise].concat(),
        };
        let attributes = vec![
            ulong(CKA_CLASS, CKO_DATA),
            flag(CKA_TOKEN, false),
            octets(CKA_LABEL, literal(&self.label)),
            octets(CKA_VALUE, literal(&thing.value)),
        ];
        let create = on(session, C_CreateObject).with("template", template(attributes));
        script.add(create.keep("object", &thing.name).presumed());
        self.there.push(thing);
    }

    /// 5.6.2: the objects of a session go with it, and no others.
    fn close(&mut self, script: &mut Script, session: &'static str) {
        script.add(on(session, C_CloseSession));
        self.open.retain(|open| *open != session);
        let mine = |thing: &Thing| thing.session == session;
        let (gone, there) = self.there.drain(..).partition(mine);
        self.there = there;
        let gone: Vec<Thing> = gone;
        self.gone.extend(gone);
    }

    /// A search finds as many as there are.
    fn count(&self, script: &mut Script) {
        let session = self.open[0];
        let searched = template(vec![octets(CKA_LABEL, literal(&self.label))]);
        script.add(on(session, C_FindObjectsInit).with("template", searched));
        let found = on(session, C_FindObjects).room_for(u64::from(self.made) + 1);
        let all = length(is_number(self.there.len() as u64));
        script.add(found.is("object", all));
        script.add(on(session, C_FindObjectsFinal));
    }
}

fn read(session: &str, name: &str) -> Make {
    on(session, C_GetAttributeValue)
        .with("object", handle(name))
        .with("template", asked(&[CKA_VALUE]))
}

/// The handle shows what was put in its object.
fn shows(session: &str, thing: &Thing) -> Make {
    read(session, &thing.name).is(&attribute(CKA_VALUE), equals(literal(&thing.value)))
}
