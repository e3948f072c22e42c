//! What happens to a call while it works outside the lock. The closure that makes an operation is the
//! place where other threads may come in between, so the tests let it make their calls: no luck with
//! the scheduler is needed.

use cryptoki_sys::*;

use super::ciphering::{Direction, cipher_init};
use super::kind::Kind;
use super::library::{Alone, change_token, with_session};
use super::object::{create_object, destroy_object};
use super::operation::{Work, cancel_kind};
use super::output::{Output, Room};
use super::signing::start_keyed;
use super::state::{open_state, restore};
use super::{Token, get_state, login};
use crate::attributes::{Template, Value};
use crate::mechanisms::{Mechanism, Parameter};
use crate::rv::Result;

const ECB: Mechanism = Mechanism {
    kind: CKM_AES_ECB,
    parameter: Parameter::None,
};

/// Two sessions of the user: one for an operation, and one that owns its key.
struct Stage {
    _library: Alone,
    session: CK_SESSION_HANDLE,
    owner: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
}

impl Stage {
    fn new(private: bool) -> Stage {
        let library = Alone::begin();
        let open = || {
            let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
            change_token(|token| token.open_session(flags)).unwrap()
        };
        let (session, owner) = (open(), open());
        login(session, CKU_USER, b"1234").unwrap();
        let template: Template = vec![
            (CKA_CLASS, Value::ulong(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, Value::ulong(CKK_AES)),
            (CKA_VALUE, Value::Bytes(vec![7; 16])),
            (CKA_ENCRYPT, Value::bool(true)),
            (CKA_PRIVATE, Value::bool(private)),
        ];
        let key = create_object(owner, &template).unwrap();
        Stage {
            _library: library,
            session,
            owner,
            key,
        }
    }

    /// C_EncryptInit, with `meanwhile` before the operation is in its place.
    fn begin_encryption(&self, meanwhile: Way) -> Result<()> {
        start_keyed(
            self.session,
            &ECB,
            self.key,
            Kind::Encrypt,
            |family, mechanism, key| {
                meanwhile(self);
                Ok(Work::Cipher(family.encrypt(mechanism, key)?))
            },
        )
    }

    fn encrypts(&self) -> bool {
        let running = |token: &Token| {
            let operations = token.session(self.session)?.operations();
            Ok(!operations.cryptographic()?.is_empty())
        };
        with_session(self.session, running).unwrap()
    }
}

/// What another thread does meanwhile.
type Way = fn(&Stage);

fn log_out() {
    change_token(Token::logout).unwrap();
}

fn log_out_and_in(stage: &Stage) {
    log_out();
    login(stage.session, CKU_USER, b"1234").unwrap();
}

#[test]
fn no_operation_begins_with_a_key_that_was_taken_away_meanwhile() {
    let ways: [Way; 4] = [
        |_| log_out(),
        log_out_and_in,
        |stage| destroy_object(stage.owner, stage.key).unwrap(),
        |stage| change_token(|token| token.close_session(stage.owner)).unwrap(),
    ];
    for (index, way) in ways.into_iter().enumerate() {
        let stage = Stage::new(true);
        let refused = stage.begin_encryption(way).unwrap_err();
        assert_eq!(refused.code(), CKR_KEY_HANDLE_INVALID, "way {index}");
        assert!(!stage.encrypts(), "way {index}");
    }
}

#[test]
fn no_operation_begins_in_a_session_that_was_closed_meanwhile() {
    let stage = Stage::new(true);
    let close = |stage: &Stage| change_token(|token| token.close_session(stage.session)).unwrap();
    let refused = stage.begin_encryption(close).unwrap_err();
    assert_eq!(refused.code(), CKR_SESSION_HANDLE_INVALID);
}

#[test]
fn an_operation_with_a_public_key_begins_after_a_logout() {
    let stage = Stage::new(false);
    stage.begin_encryption(|_| log_out()).unwrap();
    assert!(stage.encrypts());
}

#[test]
fn no_saved_operation_comes_back_with_a_key_that_was_taken_away_meanwhile() {
    let ways: [(Way, CK_RV); 3] = [
        (|_| log_out(), CKR_SAVED_STATE_INVALID),
        (log_out_and_in, CKR_KEY_CHANGED),
        (
            |stage| destroy_object(stage.owner, stage.key).unwrap(),
            CKR_KEY_CHANGED,
        ),
    ];
    for (way, code) in ways {
        let stage = Stage::new(true);
        cipher_init(Direction::Encrypt, stage.session, &ECB, stage.key).unwrap();
        let saved = match get_state(stage.session, || Ok(Room::Bytes(1 << 10))).unwrap() {
            Output::Bytes(saved) => saved,
            _ => panic!("the state must fit"),
        };
        cancel_kind(stage.session, Kind::Encrypt).unwrap();
        let (state, restorations) = open_state(stage.session, &saved, (0, 0)).unwrap();
        let refused = restore(stage.session, state, restorations, |restoration| {
            way(&stage);
            restoration.run()
        });
        assert_eq!(refused.unwrap_err().code(), code);
        assert!(!stage.encrypts());
    }
}
