//! A case as a suite file of its own: the form of reproducers.

use serde_json::{Map, Value as Json, json};

use super::words::SUCCESSES;
use super::{Case, Ladder, Needs, Suite};
use crate::cryptoki::{Version, names};
use crate::oracle::Attack;
use crate::sequence::{Step, Value, lexicon, write};
use crate::yaml;

impl Case {
    /// The case as YAML that [`super::Suite::read`] reads back: what it needs of a target is left
    /// out, since a reproducer is for a target that has shown the finding; but not what it does to a token.
    ///
    /// # Errors
    /// If the YAML writer fails.
    pub fn to_yaml(&self) -> Result<String, yaml::WriteError> {
        Suite::to_yaml(std::slice::from_ref(self))
    }

    /// The suite that the case is of, and its own id in it.
    fn names(&self) -> (&str, &str) {
        self.id.rsplit_once('/').unwrap_or(("case", &self.id))
    }

    /// The case as an element of `cases`.
    fn entry(&self) -> Json {
        let (_, id) = self.names();
        let fixture = |step: &Step| {
            let mut calls = crate::sequence::calls(std::slice::from_ref(step));
            calls.all(|call| call.fixture)
        };
        let at = self.sequence.steps.iter().position(|step| !fixture(step));
        let (setup, steps) = self.sequence.steps.split_at(at.unwrap_or(0));
        let mut case = Map::new();
        case.insert("id".into(), json!(id));
        if !self.title.is_empty() {
            case.insert("title".into(), json!(self.title));
        }
        case.insert("clause".into(), json!(self.clause.section));
        case.insert(
            "level".into(),
            serde_json::to_value(self.level).unwrap_or_default(),
        );
        case.insert(
            "class".into(),
            serde_json::to_value(self.class).unwrap_or_default(),
        );
        case.insert("state".into(), json!(state(self.ladder)));
        let needs = needs(&self.needs);
        if !needs.is_empty() {
            case.insert("needs".into(), Json::Object(needs));
        }
        if let Some(attack) = &self.attack {
            case.insert("attack".into(), self::attack(attack));
        }
        if !self.with.is_empty() {
            let with = self
                .with
                .iter()
                .map(|(name, value)| (name.clone(), parameter(value)));
            case.insert("with".into(), Json::Object(with.collect()));
        }
        if !setup.is_empty() {
            case.insert("setup".into(), write::steps(setup));
        }
        case.insert("steps".into(), write::steps(steps));
        Json::Object(case)
    }
}

impl Suite {
    /// Cases of one suite and of one document as YAML, as [`Case::to_yaml`] writes one.
    ///
    /// # Errors
    /// If the YAML writer fails.
    pub fn to_yaml(cases: &[Case]) -> Result<String, yaml::WriteError> {
        let first = cases.first();
        let cites = first.map(
            |case| json!({ "document": case.clause.document, "version": case.clause.version }),
        );
        yaml::to_string(&json!({
            "suite": first.map_or("case", |case| case.names().0),
            "cites": cites,
            "cases": cases.iter().map(Case::entry).collect::<Vec<_>>(),
        }))
    }
}

/// What a case does to a token, wherever it is run: somebody must have said that it may.
fn needs(needs: &Needs) -> Map<String, Json> {
    let told = [
        ("disposable", needs.disposable),
        ("own-token", needs.own_token),
    ];
    let told = told.into_iter().filter(|(_, is_needed)| *is_needed);
    told.map(|(name, _)| (name.to_owned(), json!(true)))
        .collect()
}

fn attack(attack: &Attack) -> Json {
    let means = SUCCESSES.iter().find(|(_, means)| *means == attack.means);
    let mut entries = Map::new();
    entries.insert("means".into(), json!(means.map(|(name, _)| name)));
    if let Some(profile) = attack.profile {
        entries.insert("profile".into(), json!(profile));
    }
    entries.insert("from".into(), json!(attack.from));
    Json::Object(entries)
}

/// True of text that is read back as text.
fn is_plain(text: &str) -> bool {
    let other = text.parse::<Version>().is_ok() || names::constant(text).is_some();
    !other && text.chars().all(|c| !c.is_control())
}

fn parameter(value: &Value) -> Json {
    match value {
        Value::Number(number) => json!(number),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if is_plain(text) => json!(text),
            _ => json!({ "hex": lexicon::to_hex(bytes) }),
        },
        other => json!(other.show(crate::cryptoki::function::Domain::Plain)),
    }
}

fn state(ladder: Ladder) -> &'static str {
    match ladder {
        Ladder::Loaded => "loaded",
        Ladder::Initialized => "initialized",
        Ladder::Session => "session",
        Ladder::RwSession => "rw-session",
        Ladder::User => "user",
        Ladder::RwUser => "rw-user",
        Ladder::So => "so",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::plan::{Needs, Suite};

    const SUITE: &str = r#"
suite: functions/C_Digest
cites: { document: PKCS11-Base, version: "3.2" }
setup:
  - C_DigestInit: { session: $session, mechanism: CKM_SHA256 }
cases:
  - id: short-buffer
    title: A digest does not fit
    clause: "5.12.2"
    class: B
    state: session
    with: { size: 31, version: "3.2" }
    steps:
      - C_Digest: { session: $session, data: "616263", digest: { buffer: $with.size } }
        returns: CKR_BUFFER_TOO_SMALL
"#;

    #[test]
    fn a_reproducer_says_what_it_does_to_a_token_and_nothing_else_that_it_needs() {
        for (needs, written) in [
            ("", ""),
            ("needs: { pin: true, so-pin: true }", ""),
            ("needs: { pin: true, disposable: true }", "disposable"),
            ("needs: { own-token: true }", "own-token"),
            (
                "needs: { disposable: true, own-token: true }",
                "disposable own-token",
            ),
        ] {
            let text = SUITE.replace("state: session", &format!("state: session\n    {needs}"));
            let suite = Suite::parse(Path::new("s.yaml"), &text).expect("well formed");
            let text = suite.cases[0].to_yaml().expect("has a YAML form");
            let again = Suite::parse(Path::new("s.yaml"), &text).expect("reads");
            let kept = |name: &str| written.split(' ').any(|word| word == name);
            let expected = Needs {
                disposable: kept("disposable"),
                own_token: kept("own-token"),
                ..Needs::default()
            };
            assert_eq!(again.cases[0].needs, expected, "{text}");
        }
    }

    #[test]
    fn a_reproducer_is_the_case_again() {
        let suite = Suite::parse(Path::new("s.yaml"), SUITE).expect("well formed");
        let written = suite.cases[0].to_yaml().expect("has a YAML form");
        let again = Suite::parse(Path::new("s.yaml"), &written).expect("reads");
        let mut case = again.cases[0].clone();
        case.line = suite.cases[0].line;
        assert_eq!(case, suite.cases[0], "{written}");
    }
}
