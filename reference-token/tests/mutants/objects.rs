//! Batteries for objects, attributes and searches: chapter 4 and section 5.7.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::stage::{Stage, aes, labelled, note, secret};
use crate::support::{Attributes, RO, RW, SLOT, SO_PIN, plain};

fn rights(stage: &Stage) {
    let (rw, ro) = (stage.open(RW), stage.open(RO));
    stage.create(ro, &note("public token").bool(CKA_TOKEN, true));
    stage.create(ro, &note("private").bool(CKA_PRIVATE, true));
    let kept = stage.create(rw, &note("kept").bool(CKA_TOKEN, true));
    stage.set(ro, kept, &labelled("changed"));
    stage.destroy(ro, kept);
    stage.close(rw);
    let rw = stage.open(RW);
    stage.find(ro, &labelled("kept"));
    let session = stage.user(RW);
    let secret = stage.create(session, &note("secret").bool(CKA_PRIVATE, true));
    play!(stage, C_Logout(session));
    stage.user(RW);
    stage.show(session, secret, CKA_LABEL);
    let template = note("secret").bool(CKA_PRIVATE, true).bool(CKA_TOKEN, true);
    let secret = stage.create(session, &template);
    play!(stage, C_Logout(session));
    stage.find(rw, &labelled("secret"));
    stage.show(rw, secret, CKA_LABEL);
}

fn lives(stage: &Stage) {
    let session = stage.open(RW);
    let fixed = note("fixed")
        .bool(CKA_COPYABLE, false)
        .bool(CKA_DESTROYABLE, false)
        .bool(CKA_MODIFIABLE, false);
    let fixed = stage.create(session, &fixed);
    stage.copy(session, fixed, &Attributes::new());
    stage.set(session, fixed, &labelled("changed"));
    stage.destroy(session, fixed);
    let one = stage.create(session, &note("one"));
    let two = stage.copy(session, one, &labelled("two"));
    stage.show(session, two, CKA_LABEL);
    let other = stage.create(session, &note("other"));
    let both = labelled("both").bytes(CKA_APPLICATION, *b"another");
    stage.set(session, other, &both);
    stage.show(session, other, CKA_APPLICATION);
    let id = |object| stage.value(session, object, CKA_UNIQUE_ID);
    let (of_one, of_two, of_other) = (id(one), id(two), id(other));
    stage.say(format_args!(
        "unique: {} {}",
        of_one != of_two,
        of_one != of_other
    ));
    let faulty = labelled("half").bytes(CKA_CLASS, CKO_DATA.to_ne_bytes());
    stage.set(session, one, &faulty);
    stage.show(session, one, CKA_LABEL);
    stage.destroy(session, one);
    stage.show(session, one, CKA_LABEL);
    let mut size = 0;
    play!(stage, C_GetObjectSize(session, one, &mut size));
}

/// Section 4.6.2: trusted by the SO.
fn trust(stage: &Stage) {
    play!(stage, C_CloseAllSessions(SLOT));
    let session = stage.open(RW);
    stage.login(session, CKU_SO, SO_PIN);
    let certificate = Attributes::new()
        .ulong(CKA_CLASS, CKO_CERTIFICATE)
        .ulong(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .bytes(CKA_SUBJECT, *b"subject")
        .bytes(CKA_VALUE, *b"value")
        .bool(CKA_TRUSTED, true);
    let certificate = stage.create(session, &certificate);
    stage.set(session, certificate, &labelled("changed"));
}

pub(super) fn objects() {
    let stage = Stage::ready();
    rights(&stage);
    lives(&stage);
    trust(&stage);
}

/// Changes that footnotes and section 4.1.2 forbid.
fn changes(stage: &Stage, session: CK_SESSION_HANDLE) {
    let closed = aes().bool(CKA_SENSITIVE, true).bool(CKA_EXTRACTABLE, false);
    let key = stage.create(session, &closed);
    let long = stage.create(session, &secret(CKK_AES, &[7; 32]));
    stage.show(session, long, CKA_VALUE);
    for attribute in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL] {
        stage.show(session, key, attribute);
    }
    for (attribute, value) in [
        (CKA_SENSITIVE, false),
        (CKA_EXTRACTABLE, true),
        (CKA_TRUSTED, true),
        (CKA_PRIVATE, true),
        (CKA_LOCAL, true),
    ] {
        stage.set(session, key, &Attributes::new().bool(attribute, value));
        stage.show(session, key, attribute);
    }
}

/// Templates that are not accepted.
fn templates(stage: &Stage, session: CK_SESSION_HANDLE) {
    let certificate = Attributes::new()
        .ulong(CKA_CLASS, CKO_CERTIFICATE)
        .ulong(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .bytes(CKA_VALUE, *b"value");
    for template in [
        note("one").bytes(CKA_LABEL, *b"two"),
        note("boolean").bytes(CKA_MODIFIABLE, [7]),
        aes().bytes(CKA_START_DATE, *b"20261399"),
        aes().bool(CKA_LOCAL, true),
        aes().bool(CKA_TRUSTED, true),
        certificate,
    ] {
        stage.create(session, &template);
    }
}

/// Section 5.7.5: several attributes, some of which cannot be given.
fn answers(stage: &Stage, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) {
    let mut values = [[0u8; 64]; 3];
    let mut entries: Vec<_> = [CKA_VALUE, CKA_KEY_TYPE, CKA_MODULUS]
        .into_iter()
        .zip(&mut values)
        .map(|(type_, value)| CK_ATTRIBUTE {
            type_,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: 64,
        })
        .collect();
    play!(
        stage,
        C_GetAttributeValue(session, key, entries.as_mut_ptr(), 3)
    );
    for entry in &entries {
        stage.say(format_args!(
            "{:#x} has {:#x} bytes",
            entry.type_, entry.ulValueLen
        ));
    }
    stage.say(format_args!("values {values:?}"));
}

/// An array of attributes whose types are the library's to set.
fn array(stage: &Stage, session: CK_SESSION_HANDLE) {
    let mut inner = [CK_TRUE];
    let mut template = [attribute(CKA_EXTRACTABLE, &mut inner)];
    let mut bytes = [0; 16];
    let (mut class, mut kind) = (CKO_SECRET_KEY.to_ne_bytes(), CKK_AES.to_ne_bytes());
    let mut no = [CK_FALSE];
    let mut outer = [
        attribute(CKA_PRIVATE, &mut no),
        attribute(CKA_CLASS, &mut class),
        attribute(CKA_KEY_TYPE, &mut kind),
        attribute(CKA_VALUE, &mut bytes),
        CK_ATTRIBUTE {
            type_: CKA_WRAP_TEMPLATE,
            pValue: template.as_mut_ptr().cast(),
            ulValueLen: size_of_val(&template) as CK_ULONG,
        },
    ];
    let mut key = 0;
    let count = outer.len() as CK_ULONG;
    play!(
        stage,
        C_CreateObject(session, outer.as_mut_ptr(), count, &mut key)
    );
    template[0].type_ = CKA_LABEL;
    play!(stage, C_GetAttributeValue(session, key, &mut outer[4], 1));
    stage.say(format_args!("type {:#x}", template[0].type_));
}

fn attribute(type_: CK_ATTRIBUTE_TYPE, value: &mut [u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_,
        pValue: value.as_mut_ptr().cast(),
        ulValueLen: value.len() as CK_ULONG,
    }
}

pub(super) fn attributes() {
    let stage = Stage::ready();
    let session = stage.open(RW);
    changes(&stage, session);
    templates(&stage, session);
    array(&stage, session);
    for (sensitive, extractable) in [(false, true), (true, true), (false, false)] {
        let template = aes()
            .bool(CKA_SENSITIVE, sensitive)
            .bool(CKA_EXTRACTABLE, extractable);
        let key = stage.create(session, &template);
        stage.show(session, key, CKA_CHECK_VALUE);
        answers(&stage, session, key);
    }
    stage.create(session, &secret(CKK_GENERIC_SECRET, b"some secret"));
}

pub(super) fn search() {
    let stage = Stage::ready();
    let session = stage.open(RW);
    for label in ["a", "b", "c", "d", "e"] {
        stage.create(session, &note(label));
    }
    let data = Attributes::new().ulong(CKA_CLASS, CKO_DATA);
    stage.find(session, &data);
    stage.find(session, &Attributes::new());
    stage.find(session, &labelled("c"));
    stage.find(session, &data.bytes(CKA_APPLICATION, *b"application"));
    play!(stage, C_FindObjectsFinal(session));
    play!(stage, C_FindObjectsInit(session, null_mut(), 0));
    let (mut handle, mut count) = (0, 7);
    play!(stage, C_FindObjects(session, &mut handle, 0, &mut count));
    let mut mechanism = plain(CKM_SHA_1);
    play!(stage, C_DigestInit(session, &mut mechanism));
}
