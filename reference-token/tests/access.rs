//! Who may do what with which objects: the table of accesses by session state in the usage guide,
//! with every function that reads, changes, copies or destroys an object.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use cryptoki_sys::*;
use support::{Attributes, RO, RW, SO_PIN, Token, USER_PIN};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Access {
    None,
    Read,
    Write,
}

/// A session, who is logged in, and its access to public and private session objects and to public
/// and private token objects.
type State = (CK_STATE, CK_FLAGS, Option<CK_USER_TYPE>, [Access; 4]);

const STATES: [State; 5] = {
    use Access::{None, Read, Write};
    [
        (
            CKS_RO_PUBLIC_SESSION,
            RO,
            Option::None,
            [Write, None, Read, None],
        ),
        (
            CKS_RW_PUBLIC_SESSION,
            RW,
            Option::None,
            [Write, None, Write, None],
        ),
        (
            CKS_RO_USER_FUNCTIONS,
            RO,
            Some(CKU_USER),
            [Write, Write, Read, Read],
        ),
        (
            CKS_RW_USER_FUNCTIONS,
            RW,
            Some(CKU_USER),
            [Write, Write, Write, Write],
        ),
        (
            CKS_RW_SO_FUNCTIONS,
            RW,
            Some(CKU_SO),
            [Write, None, Write, None],
        ),
    ]
};

/// Public and private session objects, public and private token objects.
const KINDS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

fn note(kind: (bool, bool)) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .bool(CKA_TOKEN, kind.0)
        .bool(CKA_PRIVATE, kind.1)
        .bytes(CKA_LABEL, *b"note")
}

fn enter(token: &Token, flags: CK_FLAGS, user: Option<CK_USER_TYPE>) -> CK_SESSION_HANDLE {
    let session = token.open(flags);
    let pin = if user == Some(CKU_SO) {
        SO_PIN
    } else {
        USER_PIN
    };
    if let Some(user) = user {
        assert_eq!(token.login(session, user, pin), CKR_OK);
    }
    session
}

#[test]
fn each_state_creates_what_it_has_write_access_to() {
    for (state, flags, user, accesses) in STATES {
        let token = Token::fresh();
        let session = enter(&token, flags, user);
        assert_eq!(token.state(session), state);
        for (kind, access) in KINDS.into_iter().zip(accesses) {
            let created = token.create(session, &note(kind)).err();
            let expected = match access {
                Access::Write => None,
                Access::Read => Some(CKR_SESSION_READ_ONLY),
                // A private token object in a read-only public session breaks two rules.
                Access::None if kind.0 && flags == RO => Some(CKR_SESSION_READ_ONLY),
                Access::None => Some(CKR_USER_NOT_LOGGED_IN),
            };
            assert_eq!(created, expected, "state {state}, {kind:?}");
        }
    }
}

#[test]
fn each_state_reads_and_writes_what_it_may() {
    for (state, flags, user, accesses) in STATES {
        for (kind, access) in KINDS.into_iter().zip(accesses) {
            let token = Token::fresh();
            let maker = token.user_session();
            let object = token.create(maker, &note(kind)).unwrap();
            if user != Some(CKU_USER) {
                assert_eq!(call!(token, C_Logout(maker)), CKR_OK);
            }
            let session = token.open(flags);
            if user == Some(CKU_SO) {
                assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
            }
            assert_eq!(token.state(session), state);
            check(&token, session, object, (kind, access));
        }
    }
}

fn check(
    token: &Token,
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    (kind, access): ((bool, bool), Access),
) {
    let what = format!("state {}, {kind:?}", token.state(session));
    let visible = access != Access::None;
    let found = token.find(session, &note(kind));
    assert_eq!(found.contains(&object), visible, "{what}");
    let mut size = 0;
    let sized = call!(token, C_GetObjectSize(session, object, &mut size));
    let label = token.attribute(session, object, CKA_LABEL).map(|_| CKR_OK);
    let expected = if visible {
        CKR_OK
    } else {
        CKR_OBJECT_HANDLE_INVALID
    };
    assert_eq!(sized, expected, "{what}");
    assert_eq!(label.unwrap_or_else(|rv| rv), expected, "{what}");
    let written = match access {
        Access::None => CKR_OBJECT_HANDLE_INVALID,
        Access::Read => CKR_SESSION_READ_ONLY,
        Access::Write => CKR_OK,
    };
    let template = Attributes::new().bytes(CKA_LABEL, *b"new");
    assert_eq!(token.set(session, object, &template), written, "{what}");
    let copied = token.copy(session, object, &template).err();
    assert_eq!(copied.unwrap_or(CKR_OK), written, "{what}");
    // What can be read can be copied into the session.
    let into_session = template.bool(CKA_TOKEN, false);
    let copied = token.copy(session, object, &into_session).err();
    assert_eq!(copied.unwrap_or(CKR_OK), expected, "{what}");
    let destroyed = call!(token, C_DestroyObject(session, object));
    assert_eq!(destroyed, written, "{what}");
}

#[test]
fn session_objects_are_seen_by_all_sessions_and_die_with_their_own() {
    let token = Token::fresh();
    let (one, other) = (token.user_session(), token.open(RO));
    let objects = KINDS.map(|kind| token.create(one, &note(kind)).unwrap());
    let all = Attributes::new().ulong(CKA_CLASS, CKO_DATA);
    assert_eq!(token.find(other, &all), objects);
    let own = token.create(other, &note((false, false))).unwrap();
    assert_eq!(call!(token, C_CloseSession(one)), CKR_OK);
    assert_eq!(token.find(other, &all), [objects[2], objects[3], own]);
    assert_eq!(call!(token, C_CloseSession(other)), CKR_OK);
    let public = token.open(RO);
    assert_eq!(token.find(public, &all), [objects[2]]);
}

#[test]
fn a_copy_becomes_private_for_the_user_and_never_for_others() {
    let token = Token::fresh();
    let session = token.open(RW);
    let object = token.create(session, &note((false, false))).unwrap();
    let private = Attributes::new().bool(CKA_PRIVATE, true);
    let refused = token.copy(session, object, &private);
    assert_eq!(refused, Err(CKR_USER_NOT_LOGGED_IN));
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    let copy = token.copy(session, object, &private).unwrap();
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert_eq!(token.find(session, &note((false, false))), [object]);
    assert_eq!(
        token.attribute(session, copy, CKA_LABEL),
        Err(CKR_OBJECT_HANDLE_INVALID)
    );
}
