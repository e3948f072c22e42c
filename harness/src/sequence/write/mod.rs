//! From sequences back to their YAML form, as reproducers and saved cases need it. What
//! [`super::read`] reads from the result is the sequence that was written.

mod argument;
mod expectation;

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::read::{INSERT_TOKEN, RELOAD, REMOVE_TOKEN};
use super::{ANY, ANY_WORD, Argument, Call, Sequence, Step, Together};
use crate::cryptoki::{Kind, names, returns};
use crate::yaml::{self, Diagnostic, Document};

pub(crate) use argument::argument;
pub use argument::init_args;
pub(crate) use expectation::relation;

/// The sequence as a tree that any serialiser can write.
#[must_use]
pub fn sequence(sequence: &Sequence) -> Json {
    steps(&sequence.steps)
}

/// Steps as a tree that any serialiser can write.
#[must_use]
pub fn steps(list: &[Step]) -> Json {
    Json::Array(list.iter().map(step).collect())
}

fn step(step: &Step) -> Json {
    match step {
        Step::Call(call) => self::call(call),
        Step::ForEach(each) => json!({ "for-each": {
            "in": format!("${{{}}}", each.list),
            "as": each.bind,
            "steps": steps(&each.steps),
        }}),
        Step::Together(block) => together(block),
        Step::InChild(list) => json!({ "in-child": steps(list) }),
        Step::Reload => json!(RELOAD),
        Step::Token { present } => json!(if *present { INSERT_TOKEN } else { REMOVE_TOKEN }),
        Step::Pause(milliseconds) => json!({ "pause": milliseconds }),
    }
}

fn together(block: &Together) -> Json {
    let lanes = block.lanes.iter().map(|lane| steps(lane));
    let mut step = json!({ "together": lanes.collect::<Vec<_>>() });
    if block.repeat != 1 {
        step["repeat"] = json!(block.repeat);
    }
    if !block.order.is_empty() {
        let counted = block.order.iter().map(|lane| lane + 1);
        step["order"] = json!(counted.collect::<Vec<_>>());
    }
    step
}

fn call(call: &Call) -> Json {
    let mut entries = Map::new();
    let mut arguments = Map::new();
    for (parameter, given) in call.function.parameters().iter().zip(&call.arguments) {
        if *given != Argument::Default {
            arguments.insert(
                parameter.name.into(),
                argument::argument(parameter.kind, given),
            );
        }
    }
    entries.insert(call.function.name().into(), Json::Object(arguments));
    let codes = |list: &[u64]| match list == *returns::FAILURES {
        true => json!(returns::FAILURE_WORD),
        false => Json::Array(list.iter().map(|rv| constant(Kind::RETURN, *rv)).collect()),
    };
    if !call.returns.is_empty() {
        entries.insert("returns".into(), codes(&call.returns));
    }
    if call.except == [ANY] {
        entries.insert("returns".into(), json!(ANY_WORD));
    } else if !call.except.is_empty() {
        let except = json!({ "except": codes(&call.except) });
        entries.insert("returns".into(), except);
    }
    for (key, list) in [
        ("tolerates", &call.tolerates),
        ("not-applicable-on", &call.not_applicable),
    ] {
        if !list.is_empty() {
            entries.insert(key.into(), codes(list));
        }
    }
    if !call.gives.is_empty() {
        let gives = call.gives.iter();
        let gives = gives
            .map(|c| (c.output.to_string(), json!(format!("${}", c.name))))
            .collect();
        entries.insert("gives".into(), Json::Object(gives));
    }
    if let Some(name) = &call.answer {
        entries.insert("answer".into(), json!(format!("${name}")));
    }
    for (key, list) in [
        ("requires", &call.requires),
        ("expect", &call.expect),
        ("expect-strict", &call.expect_strict),
    ] {
        if !list.is_empty() {
            entries.insert(key.into(), expectation::expectations(call.function, list));
        }
    }
    if let Some(text) = &call.otherwise {
        entries.insert("otherwise".into(), json!(text));
    }
    for (key, set) in [
        ("keep-going", call.keep_going),
        ("must-exist", call.must_exist),
    ] {
        if set {
            entries.insert(key.into(), json!(true));
        }
    }
    Json::Object(entries)
}

/// Why the written form of a sequence cannot be read; either is a defect of this program.
#[derive(Debug, thiserror::Error)]
pub enum ReadBackError {
    /// It has no YAML form.
    #[error("the sequence cannot be written: {0}; report it with the sequence")]
    Write(#[from] yaml::WriteError),
    /// Its YAML form is refused.
    #[error("what was written is not read:\n{error}\n{text}")]
    Read {
        /// What was written.
        text: String,
        /// What is wrong with it.
        error: Box<Diagnostic>,
    },
}

/// Writes a sequence and reads what was written, as a reproducer goes through its file: the text,
/// and the sequence it stands for. Fixture marks are the case's, not the text's, and taken over.
///
/// # Errors
/// [`ReadBackError`] if the text is not what [`super::read`] reads.
pub fn read_back(of: &Sequence) -> Result<(String, Sequence), ReadBackError> {
    let text = yaml::to_string(&sequence(of))?;
    let read = Document::parse(Path::new("written.yaml"), &text).and_then(|document| {
        super::read::sequence(document.root()).map_err(|error| document.source().error(error))
    });
    match read {
        Ok(mut again) => {
            mark_fixtures(&of.steps, &mut again.steps);
            Ok((text, again))
        }
        Err(error) => Err(ReadBackError::Read {
            text,
            error: Box::new(error),
        }),
    }
}

fn mark_fixtures(from: &[Step], to: &mut [Step]) {
    for pair in from.iter().zip(to) {
        match pair {
            (Step::Call(from), Step::Call(to)) => to.fixture = from.fixture,
            (Step::ForEach(from), Step::ForEach(to)) => mark_fixtures(&from.steps, &mut to.steps),
            (Step::Together(from), Step::Together(to)) => {
                let lanes = from.lanes.iter().zip(&mut to.lanes);
                lanes.for_each(|(from, to)| mark_fixtures(from, to));
            }
            (Step::InChild(from), Step::InChild(to)) => mark_fixtures(from, to),
            _ => {}
        }
    }
}

/// A constant by name, or its number if it has none.
fn constant(kind: Kind, value: u64) -> Json {
    names::name(kind, value).map_or_else(|| json!(value), |name| json!(name))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use crate::sequence::{Sequence, read};
    use crate::yaml::Document;

    fn parse(text: &str) -> Sequence {
        let document = Document::parse(Path::new("t.yaml"), text).expect("YAML");
        read::sequence(document.root()).unwrap_or_else(|error| panic!("{text}\n{error:?}"))
    }

    /// One step of every shape the language has.
    pub(crate) const EVERYTHING: &str = r#"
- C_Initialize: { init_args: { flags: CKF_OS_LOCKING_OK, mutexes: callbacks, nss: "configdir=''", reserved: { pointer: 1 } } }
- C_Initialize: { init_args: null }
- C_Initialize: { init_args: { flags: CKF_OS_LOCKING_OK, rest: $target } }
- C_GetInterface: { interface_name: "PKCS 11", version: "3.2", interface: { pointer: 16 }, flags: CKF_INTERFACE_FORK_SAFE }
- C_GetSlotList: { token_present: true, slot_list: { buffer: $slots.length, claim: 9 } }
  gives: { slot_list: $slots }
  expect:
    slot_list: { contains: [$target.slot], unique: true }
    slot_list.length: { at-least: 1, at-most: 64 }
- for-each:
    in: $slots
    as: slot
    steps:
      - C_GetTokenInfo: { slot: $slot }
        expect: { info.label: { padded: true }, info.flags: { has: CKF_RNG|CKF_TOKEN_INITIALIZED, lacks: CKF_SO_PIN_LOCKED } }
        expect-strict: { info.model: "v3.1", info.hardwareVersion: "1.0", info.ulMaxPinLen: 255 }
- together:
    - - C_DigestInit: { session: $one, mechanism: CKM_SHA_1 }
      - C_Digest: { session: $one, data: "00", digest: { buffer: 20 } }
        gives: { digest: $digest }
    - - C_GetInfo
    - []
  repeat: 3
- together: [[C_GetInfo: {}], [{ pause: 1 }]]
- together: [[C_GetInfo: {}], [C_GetInfo: {}]]
  order: [2, 1]
- pause: 1000
- in-child:
    - C_Initialize
    - C_GenerateRandom: { session: $s, random_data: { buffer: 4 } }
      gives: { random_data: $random }
- C_Finalize
- reload
- C_OpenSession: { slot: dangling, flags: CKF_SERIAL_SESSION, notify: callback, session: null }
  returns: [CKR_SLOT_ID_INVALID, 0x80000007]
  not-applicable-on: CKR_FUNCTION_NOT_SUPPORTED
  keep-going: true
- C_InitToken: { slot: 3, pin: { text: "1234", claim: 3 }, label: "a label" }
- C_CreateObject:
    session: $session
    template:
      - CKA_CLASS: CKO_SECRET_KEY
      - CKA_TOKEN: 2
      - CKA_TOKEN: false
      - CKA_LABEL: { of: { text: abc }, flip: 3 }
      - CKA_VALUE: { repeat: "0a", count: 16 }
      - CKA_START_DATE: "2026-01-31"
      - CKA_ALLOWED_MECHANISMS: [CKM_AES_CBC, $mechanism]
      - CKA_WRAP_TEMPLATE: { CKA_EXTRACTABLE: true }
      - 0x80000001: "00ff"
      - CKA_ID: { pointer: null, claim: 4 }
- C_FindObjectsInit: { session: $session, template: { attributes: { CKA_CLASS: CKO_DATA }, claim: 0 } }
- C_FindObjects: { session: $session, object: { buffer: 5 } }
- C_GetAttributeValue: { session: $session, object: $key, template: { CKA_MODULUS: { buffer: 1024 }, CKA_LABEL: null, CKA_ID: { buffer: exact } } }
  requires: { template.CKA_LABEL: { length: 3 } }
  otherwise: no label
  expect: { template.CKA_MODULUS: { length: 256 }, template.CKA_ID: { unavailable: true }, $sig: { differs: $other } }
- C_GetAttributeValue: { object: $key, template: { CKA_WRAP_TEMPLATE: { CKA_CLASS: { buffer: null }, CKA_ID: null, CKA_LABEL: { buffer: 8 } } } }
- C_SignInit: { session: $session, mechanism: { type: CKM_RSA_PKCS_PSS, parameter: { CK_RSA_PKCS_PSS_PARAMS: { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, sLen: 32 } }, claim: 7 }, key: $key }
- C_EncryptInit: { session: $session, mechanism: { type: CKM_AES_GCM, parameter: { CK_GCM_PARAMS: { pIv: { concat: ["00", $iv] }, ulTagBits: 128, pAAD: null } } }, key: 0 }
- C_SignInit: { mechanism: { type: CKM_AES_MAC_GENERAL, parameter: { ulong: 4 } } }
- C_DigestInit: { mechanism: null }
- C_Sign: { session: $session, data: "616263", signature: { buffer: short, length-pointer: null } }
- C_Digest: { data: { of: $x, take: 2 }, digest: null }
  expect: { digest: { length: 20 } }
- C_EncryptMessage: { parameter: { CK_GCM_MESSAGE_PARAMS: { pIv: "00", ulIvFixedBits: 8 } }, plaintext: null }
- C_UnwrapKey: { mechanism: { type: CKM_RSA_AES_KEY_WRAP, parameter: { CK_RSA_AES_KEY_WRAP_PARAMS: { ulAESKeyBits: 256, pOAEPParams: { hashAlg: 1 } } } } }
- C_LoginUser: { session: dangling }
  must-exist: true
  returns: { except: [CKR_FUNCTION_NOT_SUPPORTED] }
- C_Finalize: { reserved: { pointer: 1 } }
- C_Encrypt: { data: { pointer: null }, encrypted_data: null }
- C_Encrypt: { data: { hex: $data, claim: 3 } }
- C_CreateObject: { template: { CKA_CLASS: { hex: $class }, CKA_LABEL: { hex: $label }, CKA_VALUE: $value } }
- C_EncryptInit: { mechanism: { type: CKM_AES_CBC, parameter: { pointer: null } } }
- C_DeriveKey: { mechanism: { type: CKM_SSL3_MASTER_KEY_DERIVE, parameter: { CK_INFO: { cryptokiVersion: "3.2", flags: 1 } } } }
- C_InitToken: { label: { hex: "00ff" } }
- C_SignMessage: { parameter: { text: iv, claim: 1 } }
  expect: { parameter.pIv: { differs: "00ff" } }
- C_GetInfo: {}
  gives: { info: $info }
  expect:
    info.cryptokiVersion: { one-of: ["2.40", { version: "3.2" }] }
    info.manufacturerID: { one-of: [abc, { hex: "00" }, { hex: $x }] }
    $info.cryptokiVersion: { equals: { version: "3.2" } }
    $info.manufacturerID: { equals: { hex: $x } }
"#;

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let sequence = parse(EVERYTHING);
        let (text, again) = super::read_back(&sequence).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, sequence, "{text}");
    }

    #[test]
    fn the_wire_form_is_read_back_the_same() {
        let sequence = parse(EVERYTHING);
        let wire = serde_json::to_vec(&sequence).expect("has a JSON form");
        assert_eq!(
            serde_json::from_slice::<Sequence>(&wire).expect("reads"),
            sequence
        );
    }
}
