//! What holds for any sequence, and for any text in place of one.

use std::path::Path;

use proptest::prelude::*;

use super::{Sequence, arbitrary, write};
use crate::cryptoki::Function;
use crate::plan::Suite;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_sequence_is_read_back_as_it_was_written(sequence in arbitrary::sequence()) {
        let (text, again) = write::read_back(&sequence)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(again, sequence, "{}", text);
    }

    #[test]
    fn any_sequence_survives_the_wire(sequence in arbitrary::sequence()) {
        let wire = serde_json::to_vec(&sequence).expect("has a JSON form");
        let again: Sequence = serde_json::from_slice(&wire).expect("reads");
        prop_assert_eq!(again, sequence);
    }

    #[test]
    fn any_sequence_that_is_written_fits_the_schema(sequence in arbitrary::sequence()) {
        crate::schema::tests::accepts_written(&sequence).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = Suite::parse(Path::new("t.yaml"), &text);
    }

    /// Words of the language in any order reach further into the readers than letters do.
    #[test]
    fn any_words_of_a_suite_are_read_or_refused(words in words()) {
        let text = format!("suite: s\ncites: {{ document: d, version: \"1\" }}\ncases:\n- id: c\n  clause: \"1\"\n  steps:\n  - {words}\n");
        if let Ok(suite) = Suite::parse(Path::new("t.yaml"), &text) {
            for case in &suite.cases {
                let (written, again) = write::read_back(&case.sequence)
                    .map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(&again, &case.sequence, "{}", written);
            }
        }
    }
}

/// One flow mapping after another: a function, its parameters, and values of every form.
fn words() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("{ pointer: null }".to_owned()),
        Just("{ pointer: 1 }".to_owned()),
        Just("{ text: a, claim: 3 }".to_owned()),
        Just("{ hex: $target.pin, claim: dangling }".to_owned()),
        Just("{ buffer: short, length-pointer: null }".to_owned()),
        Just("[CKA_CLASS, CKA_TOKEN]".to_owned()),
        Just("{ CKA_CLASS: { hex: \"00\" }, 3: { text: \"\" } }".to_owned()),
        Just("{ type: CKM_SHA_1, parameter: { ulong: -1 } }".to_owned()),
        Just("CKF_SERIAL_SESSION|CKF_RW_SESSION".to_owned()),
        Just("$target.slot".to_owned()),
        Just("\"3.2\"".to_owned()),
        Just("\"00ff\"".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f32>().prop_map(|number| number.to_string()),
        "[a-z$|{}\"]{0,4}",
    ];
    proptest::sample::select(Function::ALL).prop_flat_map(move |function| {
        let values = proptest::collection::vec(value.clone(), function.parameters().len());
        values.prop_map(move |values| {
            let given = function.parameter_names().iter().zip(values);
            let given: Vec<String> = given
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            format!("{function}: {{ {} }}", given.join(", "))
        })
    })
}
