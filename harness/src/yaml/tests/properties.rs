//! What holds for any text and any value.

use proptest::prelude::*;

use super::{Code, Input, Step, path};
use crate::yaml::{Document, Kind, Node, from_str, to_string};

fn any_step() -> impl Strategy<Value = Step> {
    let text = || proptest::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter);
    let input = prop_oneof![
        Just(Input::Null),
        text().prop_map(Input::Text),
        (any::<u16>(), any::<bool>()).prop_map(|(size, guarded)| Input::Buffer { size, guarded }),
        (any::<u8>(), any::<u8>()).prop_map(|(one, two)| Input::Pair(one, two)),
    ];
    let lines =
        proptest::collection::vec("[ a#:\\-\t\r]{0,6}", 0..5).prop_map(|lines| lines.join("\n"));
    // The one key that no mapping here has, in quotes or not.
    let name = text().prop_filter("a merge key", |name| name != "<<");
    let environment = proptest::collection::btree_map(name, lines, 0..4);
    (
        text(),
        proptest::option::of(any::<u8>()),
        proptest::option::of(input),
        environment,
    )
        .prop_map(|(call, length, input, environment)| Step {
            call,
            returns: vec![Code("CKR_OK".to_owned())],
            length,
            input,
            environment,
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(step in any_step()) {
        let text = to_string(&step).unwrap();
        let again: Step = from_str(path(), &text).map_err(|error| {
            TestCaseError::fail(format!("{error}\n{text:?}"))
        })?;
        prop_assert_eq!(again, step, "{}", text);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,60}") {
        let _ = from_str::<Vec<Step>>(path(), &text).map_err(|error| error.to_string());
    }

    #[test]
    fn text_made_of_yaml_punctuation_never_panics(
        text in "([-?:,{}#&*!|>'\"%@` \n\t\r]|\\[|\\]|a|1|<<|\\.\\.\\.|---|\u{0}|\u{feff}|\u{85}){0,40}"
    ) {
        let _ = from_str::<Vec<Step>>(path(), &text).map_err(|error| error.to_string());
    }

    #[test]
    fn both_readers_agree_on_what_is_accepted(
        text in "([-?:,{}#|>'\" \n]|\\[|\\]|a|b|12|~|: |- |\n  ){0,30}"
    ) {
        if let Ok(document) = Document::parse(path(), &text) {
            let value: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
            prop_assert_eq!(plain(document.root()), value);
        }
    }
}

/// The tree without its marks.
fn plain(node: &Node) -> serde_yaml::Value {
    use serde_yaml::Value;
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Unsigned(value) => (*value).into(),
        Kind::Signed(value) => (*value).into(),
        Kind::Float(value) => (*value).into(),
        Kind::Text(text) => Value::String(text.clone()),
        Kind::Sequence(items) => Value::Sequence(items.iter().map(plain).collect()),
        Kind::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .map(|(key, value)| (plain(key), plain(value)))
                .collect(),
        ),
    }
}
