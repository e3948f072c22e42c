//! Batteries for one-time passwords and CMS signatures: sections 6.44 and 6.53.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::crypto::Scene;
use crate::stage::secret;
use crate::support::{plain, rsa_private, with};

/// C_Sign with a buffer that is large enough.
fn signed(scene: &Scene, data: &[u8]) -> Vec<u8> {
    let Scene { stage, session } = scene;
    let (mut output, mut length) = (vec![0u8; 600], 600);
    let (input, count) = (input!(data), data.len() as CK_ULONG);
    let rv = play!(
        stage,
        C_Sign(*session, input, count, output.as_mut_ptr(), &mut length)
    );
    output.truncate(length as usize);
    if rv == CKR_OK { output } else { Vec::new() }
}

/// Two one-time passwords, and the first of them when the second is due. Of the structures only what
/// follows them is said: they hold addresses.
pub(super) fn passwords(scene: &Scene) {
    let Scene { stage, session } = scene;
    let key = secret(CKK_HOTP, &[7; 20]).without(CKA_CLASS);
    let key = scene.create(&key.ulong(CKA_CLASS, CKO_OTP_KEY));
    let mut first = Vec::new();
    for _ in 0..2 {
        let mut mechanism = plain(CKM_HOTP);
        play!(stage, C_SignInit(*session, &mut mechanism, key));
        let made = signed(scene, &[]);
        let told = made
            .get(made.len().saturating_sub(14)..)
            .unwrap_or_default();
        scene.say(told);
        if first.is_empty() {
            first = told.get(..6).unwrap_or_default().to_vec();
        }
    }
    let mut due = 1u64.to_be_bytes();
    let mut list = [CK_OTP_PARAM {
        type_: CK_OTP_COUNTER,
        pValue: due.as_mut_ptr().cast(),
        ulValueLen: 8,
    }];
    let mut parameter = CK_OTP_PARAMS {
        pParams: list.as_mut_ptr(),
        ulCount: 1,
    };
    let mut mechanism = with(CKM_HOTP, &mut parameter);
    play!(stage, C_VerifyInit(*session, &mut mechanism, key));
    let length = first.len() as CK_ULONG;
    play!(
        stage,
        C_Verify(*session, null_mut(), 0, input!(first), length)
    );
}

/// A SignerInfo that has nothing random in it.
pub(super) fn cms(scene: &Scene) {
    let Scene { stage, session } = scene;
    let key = scene.create(&rsa_private());
    let mut signing = plain(CKM_SHA256_RSA_PKCS);
    let mut parameter = CK_CMS_SIG_PARAMS {
        certificateHandle: CK_INVALID_HANDLE,
        pSigningMechanism: &mut signing,
        pDigestMechanism: null_mut(),
        pContentType: null_mut(),
        pRequestedAttributes: null_mut(),
        ulRequestedAttributesLen: 0,
        pRequiredAttributes: null_mut(),
        ulRequiredAttributesLen: 0,
    };
    let mut mechanism = with(CKM_CMS_SIG, &mut parameter);
    play!(stage, C_SignInit(*session, &mut mechanism, key));
    scene.say(&signed(scene, b"a message"));
}
