//! Imported pairs: a generated pair whose private half may be read, and the pair that is created of what was
//! read, take each other's signatures and ciphertexts ([PKCS11-Base 3.2] 5.18.2, 5.7.1, 5.13.2, 5.15.2, 5.10.2).

use cryptoki_sys::*;

use super::super::draw::Draw;
use super::super::ground::Ground;
use super::super::key::{self, PAIRS};
use super::super::pair::{self, Usages};
use super::super::script::{SESSION, Script, kept, literal, on};
use super::super::{cipher, input, signature};
use super::begin;
use crate::cryptoki::Function::{
    C_Decrypt, C_DecryptInit, C_Encrypt, C_EncryptInit, C_Sign, C_SignInit, C_Verify, C_VerifyInit,
};
use crate::cryptoki::mechanism::Mechanism;
use crate::sequence::ParameterValue;

/// The halves of the pair that the token made, and of the one that is created from its numbers; public ones first.
const GENERATED: [&str; 2] = ["generated-public", "generated-private"];
const IMPORTED: [&str; 2] = ["imported-public", "imported-private"];
/// Coin of a draw: which pair signs first.
const FIRST: u32 = 5;

/// A type of pairs that the token generates, and what is done with them.
pub(super) struct Kind {
    key_type: CK_KEY_TYPE,
    generator: CK_MECHANISM_TYPE,
    /// Mechanisms, and whether they encrypt.
    rows: Vec<(&'static Mechanism, bool)>,
}

/// The types of pairs that the token generates for a mechanism that it lists.
pub(super) fn kinds(ground: &Ground) -> Vec<Kind> {
    let ciphers = cipher::rows(ground).into_iter().map(|row| (row, true));
    let signatures = signature::rows(ground).into_iter().map(|row| (row, false));
    let all: Vec<(&Mechanism, bool)> = signatures.chain(ciphers).collect();
    let known = PAIRS
        .iter()
        .filter(|(_, generator)| ground.has(*generator, CKF_GENERATE_KEY_PAIR));
    let kind = |(key_type, generator): &(u64, u64)| {
        let of_type = all
            .iter()
            .filter(|(row, _)| row.key_types.contains(key_type));
        Kind {
            key_type: *key_type,
            generator: *generator,
            rows: of_type.copied().collect(),
        }
    };
    known
        .map(kind)
        .filter(|kind| !kind.rows.is_empty())
        .collect()
}

/// The calls of a case; returns the mechanism that it is about.
pub(super) fn both(script: &mut Script, ground: &Ground, kind: &Kind, draw: &Draw) -> &'static str {
    let Some((row, encrypts)) = draw.pick(0, &kind.rows).copied() else {
        return "";
    };
    let known = match encrypts {
        true => input::to_encrypt(row),
        false => input::to_sign(row),
    };
    // Whether there is a signature of nothing is left open.
    let mut data = known
        .map(|input| input.fit(draw.data()))
        .unwrap_or_default();
    if data.is_empty() {
        data.push(1);
    }
    let Some(parameter) = input::parameter(row, draw, data.len()) else {
        return row.name;
    };
    let work = Work {
        row,
        parameter,
        data,
    };
    let usages: Usages<'_> = match encrypts {
        true => [&[CKA_ENCRYPT], &[CKA_DECRYPT]],
        false => [&[CKA_VERIFY], &[CKA_SIGN]],
    };
    twice(script, ground, kind, usages, draw);
    let (one, other) = match draw.coin(FIRST) {
        true => (GENERATED, IMPORTED),
        false => (IMPORTED, GENERATED),
    };
    match encrypts {
        true => work.decrypted(script, one, other),
        false => work.verified(script, one, other),
    }
    row.name
}

/// Makes a pair and creates another of its numbers. 4.10: a private key that is neither sensitive nor kept inside
/// shows them, but a token may make no such key, have numbers of its own, or import none.
fn twice(script: &mut Script, ground: &Ground, kind: &Kind, usages: Usages<'_>, draw: &Draw) {
    let domain = key::domain(ground, draw, kind.key_type, kind.generator);
    script.add(pair::generate(
        kind.generator,
        &domain,
        usages,
        GENERATED,
        true,
    ));
    let halves = GENERATED.into_iter().zip(pair::numbers(kind.key_type));
    for (name, numbers) in halves {
        pair::read(script, name, numbers);
    }
    for (half, usages) in usages.into_iter().enumerate() {
        let names = [GENERATED[half], IMPORTED[half]];
        pair::import(script, kind.key_type, half, &domain, usages, names);
    }
}

/// What is done with both pairs.
struct Work {
    row: &'static Mechanism,
    parameter: ParameterValue,
    data: Vec<u8>,
}

impl Work {
    /// What either signs, the other verifies, and both sign alike where there is but one signature.
    fn verified(&self, script: &mut Script, one: [&str; 2], other: [&str; 2]) {
        let begin = |function, key| begin(function, self.row, &self.parameter, key);
        let sign = || on(SESSION, C_Sign).bytes("data", literal(&self.data));
        script.add(begin(C_SignInit, one[1]).presumed());
        script.add(sign().kept("signature").presumed());
        // The other has the same numbers and usages: whatever one signs with it signs with, too, unless a policy is about
        // where keys come from (5.1.1).
        script.add(begin(C_SignInit, other[1]).unless(super::BY_POLICY));
        let again = sign().kept("other-signature");
        script.add(match has_one_signature(self.row) {
            true => again.gives(kept("signature")),
            false => again,
        });
        for (key, signature) in [(other[0], "signature"), (one[0], "other-signature")] {
            script.add(begin(C_VerifyInit, key).presumed());
            let verify = on(SESSION, C_Verify).bytes("data", literal(&self.data));
            script.add(verify.bytes("signature", kept(signature)));
        }
    }

    /// What is encrypted with the public half of either, the private one of the other decrypts.
    fn decrypted(&self, script: &mut Script, one: [&str; 2], other: [&str; 2]) {
        let begin = |function, key| begin(function, self.row, &self.parameter, key);
        for (public, private, name) in [(one[0], other[1], "forth"), (other[0], one[1], "back")] {
            script.add(begin(C_EncryptInit, public).presumed());
            let encrypt = on(SESSION, C_Encrypt).bytes("data", literal(&self.data));
            script.add(encrypt.kept(name).presumed());
            script.add(begin(C_DecryptInit, private).presumed());
            let decrypt = on(SESSION, C_Decrypt).bytes("encrypted_data", kept(name));
            script.add(decrypt.gives(literal(&self.data)));
        }
    }
}

/// True if data has but one signature with a key: RFC 8017 section 8.2 has no salt, and RFC 8032 draws the nonce
/// from key and data.
fn has_one_signature(row: &Mechanism) -> bool {
    let name = row.name;
    name.ends_with("_RSA_PKCS") || row.value == CKM_RSA_X_509 || row.value == CKM_EDDSA
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cryptoki::mechanism;

    #[test]
    fn signatures_that_are_drawn_by_chance_are_not_compared() {
        let one: Vec<&str> = mechanism::all()
            .iter()
            .filter(|row| has_one_signature(row))
            .map(|row| row.name)
            .collect();
        for name in [
            "CKM_RSA_PKCS",
            "CKM_SHA256_RSA_PKCS",
            "CKM_RSA_X_509",
            "CKM_EDDSA",
        ] {
            assert!(one.contains(&name), "{name}");
        }
        for name in [
            "CKM_ECDSA",
            "CKM_SHA256_RSA_PKCS_PSS",
            "CKM_RSA_PKCS_PSS",
            "CKM_ML_DSA",
        ] {
            assert!(!one.contains(&name), "{name}");
        }
    }
}
