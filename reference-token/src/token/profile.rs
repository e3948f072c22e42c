//! The profile objects built into the token: section 4.14, and the profiles that it conforms to.

use cryptoki_sys::*;

use super::collection::Objects;
use crate::attributes::Value;

/// Profiles whose requirements the token meets, with a label for humans.
const PROFILES: [(CK_PROFILE_ID, &str); 5] = [
    (CKP_BASELINE_PROVIDER, "Baseline Provider"),
    (CKP_EXTENDED_PROVIDER, "Extended Provider"),
    (CKP_AUTHENTICATION_TOKEN, "Authentication Token"),
    (CKP_PUBLIC_CERTIFICATES_TOKEN, "Public Certificates Token"),
    // CKM_HKDF_DATA takes any information string, those of TLS and QUIC among them.
    (CKP_HKDF_TLS_TOKEN, "HKDF TLS Token"),
];

/// Adds the profile objects.
pub(super) fn install(objects: &mut Objects) {
    for (profile, label) in PROFILES {
        let text = |text: &str| Value::Bytes(text.as_bytes().to_vec());
        let attributes = [
            (CKA_CLASS, Value::ulong(CKO_PROFILE)),
            (CKA_TOKEN, Value::bool(true)),
            (CKA_PRIVATE, Value::bool(false)),
            (CKA_MODIFIABLE, Value::bool(false)),
            (CKA_COPYABLE, Value::bool(false)),
            (CKA_DESTROYABLE, Value::bool(false)),
            (CKA_LABEL, text(label)),
            (CKA_UNIQUE_ID, text(&format!("profile-{profile}"))),
            (CKA_PROFILE_ID, Value::ulong(profile)),
        ];
        objects.insert_built_in(attributes.into_iter().collect());
    }
}
