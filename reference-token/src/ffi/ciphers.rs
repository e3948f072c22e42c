//! Encryption and decryption, sections 5.8 and 5.10, and the dual functions, section 5.17.

use cryptoki_sys::*;

use super::memory::{Buffer, bytes};
use super::shapes::{inits, outputs, transformations};
use super::{guard, parameter};
use crate::token::{self, Direction, Dual, Kind};

/// A function of `token` for one direction or pair.
macro_rules! of {
    ($function:ident, $which:expr) => {
        |session, arguments| token::$function($which, session, arguments)
    };
}

inits! {
    C_EncryptInit: Kind::Encrypt => |session, mechanism: &_, key| token::cipher_init(Direction::Encrypt, session, mechanism, key);
    C_DecryptInit: Kind::Decrypt => |session, mechanism: &_, key| token::cipher_init(Direction::Decrypt, session, mechanism, key);
}

transformations! {
    C_Encrypt => of!(cipher, Direction::Encrypt);
    C_Decrypt => of!(cipher, Direction::Decrypt);
    C_EncryptUpdate => of!(cipher_update, Direction::Encrypt);
    C_DecryptUpdate => of!(cipher_update, Direction::Decrypt);
    C_DigestEncryptUpdate => of!(dual_update, Dual::DigestEncrypt);
    C_DecryptDigestUpdate => of!(dual_update, Dual::DecryptDigest);
    C_SignEncryptUpdate => of!(dual_update, Dual::SignEncrypt);
    C_DecryptVerifyUpdate => of!(dual_update, Dual::DecryptVerify);
}

outputs! {
    C_EncryptFinal => of!(cipher_final, Direction::Encrypt);
    C_DecryptFinal => of!(cipher_final, Direction::Decrypt);
}
