//! Operations made ready: what is repeated, and by how many threads. Every repetition sees that its
//! calls succeed: errors are often cheap. Here are sessions and objects; `symmetric` and `pairs` have
//! the cryptography.
#![allow(unsafe_code, reason = "makes raw calls of a module")]

use std::ptr::null_mut;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use cryptoki_sys::*;

use super::call::Template;
use super::module::{Module, Session};

/// What is repeated.
pub(crate) type Act = Box<dyn FnMut() + Send>;

/// The same act for each of some threads.
pub(crate) struct Subjects(Vec<Act>);

impl Subjects {
    pub(crate) fn new(acts: Vec<Act>) -> Self {
        Self(acts)
    }

    /// Repeats, and gives the time that so many repetitions took, whoever made them. Threads begin
    /// together and look at the clock themselves, so that what it takes to start them does not count.
    pub(crate) fn time(&mut self, passes: u64) -> Duration {
        let each = passes.div_ceil(self.0.len() as u64);
        let made = each * self.0.len() as u64;
        let repeat = |act: &mut Act| {
            let begun = Instant::now();
            (0..each).for_each(|_| act());
            begun.elapsed()
        };
        let spent = match &mut self.0[..] {
            [act] => repeat(act),
            acts => {
                let start = Barrier::new(acts.len());
                let run = |act| {
                    start.wait();
                    repeat(act)
                };
                std::thread::scope(|scope| {
                    let threads: Vec<_> = acts
                        .iter_mut()
                        .map(|act| scope.spawn(|| run(act)))
                        .collect();
                    let times = threads
                        .into_iter()
                        .map(|thread| thread.join().expect("no panic"));
                    times.max().unwrap_or_default()
                })
            }
        };
        spent.mul_f64(passes as f64 / made as f64)
    }
}

pub(crate) fn get_info(module: &Module) -> Option<Act> {
    let list = module.list;
    Some(Box::new(move || {
        let mut info = CK_INFO::default();
        assert_eq!(call!(list, C_GetInfo(&mut info)), CKR_OK);
    }))
}

pub(crate) fn open_and_close(module: &Module) -> Option<Act> {
    let (list, slot) = (module.list, module.slot);
    Some(Box::new(move || {
        let mut session = 0;
        let rv = call!(
            list,
            C_OpenSession(slot, CKF_SERIAL_SESSION, null_mut(), None, &mut session)
        );
        assert_eq!(rv, CKR_OK);
        assert_eq!(call!(list, C_CloseSession(session)), CKR_OK);
    }))
}

/// A data object.
fn data(label: &str, on_token: bool) -> Template {
    let template = Template::new()
        .number(CKA_CLASS, CKO_DATA)
        .no(CKA_PRIVATE)
        .bytes(CKA_LABEL, label.as_bytes())
        .bytes(CKA_VALUE, &[7; 32]);
    match on_token {
        true => template.yes(CKA_TOKEN),
        false => template.no(CKA_TOKEN),
    }
}

pub(crate) fn get_attribute(module: &Module) -> Option<Act> {
    let session = module.session()?;
    let object = session.create(&mut data("measured", false))?;
    Some(Box::new(move || {
        let mut value = [0u8; 32];
        let mut attribute = CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: 32,
        };
        let rv = call!(
            session.list(),
            C_GetAttributeValue(session.handle(), object, &mut attribute, 1)
        );
        assert_eq!((rv, attribute.ulValueLen), (CKR_OK, 8));
    }))
}

pub(crate) fn find(module: &Module, count: usize) -> Option<Act> {
    let session = module.session()?;
    for number in 0..count {
        session.create(&mut data(&format!("object {number}"), false))?;
    }
    let mut wanted = Template::new().bytes(CKA_LABEL, format!("object {}", count / 2).as_bytes());
    Some(Box::new(move || {
        let (list, handle) = (session.list(), session.handle());
        let mut array = wanted.array();
        let (mut found, mut objects) = (0, [0; 2]);
        let rv = call!(list, C_FindObjectsInit(handle, array.as_mut_ptr(), 1));
        assert_eq!(rv, CKR_OK);
        let rv = call!(
            list,
            C_FindObjects(handle, objects.as_mut_ptr(), 2, &mut found)
        );
        assert_eq!((rv, found), (CKR_OK, 1));
        assert_eq!(call!(list, C_FindObjectsFinal(handle)), CKR_OK);
    }))
}

pub(crate) fn create(module: &Module, on_token: bool) -> Option<Act> {
    let session = module.session()?;
    let mut template = data("passing", on_token);
    Some(Box::new(move || {
        let object = session.create(&mut template).expect("an object");
        assert_eq!(session.destroy(object), CKR_OK);
    }))
}

/// Gives an object another label of the same length each time.
pub(crate) fn set_attribute(module: &Module, on_token: bool) -> Option<Act> {
    let session = module.session()?;
    let object = session.create(&mut data("label 0", on_token))?;
    let object = Passing { session, object };
    let mut number = 0;
    Some(Box::new(move || {
        number = (number + 1) % 10;
        let mut template = Template::new().bytes(CKA_LABEL, format!("label {number}").as_bytes());
        let (mut array, Passing { session, object }) = (template.array(), &object);
        let rv = call!(
            session.list(),
            C_SetAttributeValue(session.handle(), *object, array.as_mut_ptr(), 1)
        );
        assert_eq!(rv, CKR_OK);
    }))
}

/// An object that goes when it has been measured, be it one of the token.
struct Passing {
    session: Session,
    object: CK_OBJECT_HANDLE,
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.session.destroy(self.object);
    }
}
