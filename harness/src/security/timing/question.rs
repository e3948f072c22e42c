//! The questions: which two classes of ciphertexts are compared by which function. How they are asked is `timing`'s.

use super::padding::Classes;
use crate::cryptoki::Function;
use crate::plan::{Case, Suite};
use crate::run::StationError;

/// A question: two classes of ciphertexts for one function.
pub(super) struct Question {
    /// Id of what is told.
    pub(super) id: &'static str,
    /// What is asked, for people.
    pub(super) title: &'static str,
    /// What is asked.
    pub(super) function: Function,
    /// The case of `security/rsa` that imports the key and calls the function, with what it needs of a target.
    pub(super) case: &'static str,
    /// What is compared.
    pub(super) classes: Classes,
}

pub(super) const QUESTIONS: [Question; 9] = [
    Question {
        id: "security/timing/pkcs-valid",
        title: "The time of C_Decrypt tells whether the padding of PKCS #1 is right",
        function: Function::C_Decrypt,
        case: "padding-told-by-decrypt",
        classes: Classes::PkcsValid,
    },
    Question {
        id: "security/timing/pkcs-kind",
        title: "The time of C_Decrypt tells a wrong block type of PKCS #1 from a padding without an end",
        function: Function::C_Decrypt,
        case: "padding-told-by-decrypt",
        classes: Classes::PkcsKind,
    },
    Question {
        id: "security/timing/pkcs-valid-by-unwrap",
        title: "The time of C_UnwrapKey tells whether the padding of PKCS #1 is right",
        function: Function::C_UnwrapKey,
        case: "padding-told-by-unwrap",
        classes: Classes::PkcsValid,
    },
    Question {
        id: "security/timing/pkcs-kind-by-unwrap",
        title: "The time of C_UnwrapKey tells a wrong block type of PKCS #1 from a padding without an end",
        function: Function::C_UnwrapKey,
        case: "padding-told-by-unwrap",
        classes: Classes::PkcsKind,
    },
    // What is left of Bleichenbacher's attack where one answer is given to both: the padding is right or not.
    Question {
        id: "security/timing/pkcs-length-by-unwrap",
        title: "The time of C_UnwrapKey tells a wrong padding of PKCS #1 from a key of a wrong length",
        function: Function::C_UnwrapKey,
        case: "padding-told-by-unwrap",
        classes: Classes::PkcsLength,
    },
    Question {
        id: "security/timing/oaep-first-byte",
        title: "The time of C_Decrypt with OAEP tells whether the first byte is zero",
        function: Function::C_Decrypt,
        case: "manger-by-decrypt",
        classes: Classes::OaepFirstByte,
    },
    Question {
        id: "security/timing/oaep-first-byte-by-unwrap",
        title: "The time of C_UnwrapKey with OAEP tells whether the first byte is zero",
        function: Function::C_UnwrapKey,
        case: "manger-by-unwrap",
        classes: Classes::OaepFirstByte,
    },
    Question {
        id: "security/timing/cbc-padding",
        title: "The time of C_Decrypt with CKM_AES_CBC_PAD tells where the padding is wrong",
        function: Function::C_Decrypt,
        case: "padding-told-by-cbc",
        classes: Classes::Cbc,
    },
    Question {
        id: "security/timing/cbc-padding-by-unwrap",
        title: "The time of C_UnwrapKey with CKM_AES_CBC_PAD tells where the padding is wrong",
        function: Function::C_UnwrapKey,
        case: "padding-told-by-cbc-unwrap",
        classes: Classes::Cbc,
    },
];

impl Question {
    /// The case among those of its suite; a fault of this program if it is not there.
    pub(super) fn case_of<'s>(&self, suite: &'s Suite) -> Result<&'s Case, StationError> {
        let id = format!("{}/{}", suite.name, self.case);
        let mut cases = suite.cases.iter();
        let found = cases.find(|case| case.id == id);
        found.ok_or_else(|| StationError::Fault(format!("there is no case {id}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::shipped;

    #[test]
    fn every_question_has_a_case_that_calls_its_function() {
        let suite = shipped::suite("security/rsa.yaml").expect("the shipped suite");
        for question in &QUESTIONS {
            let case = question.case_of(&suite).expect("a case");
            let calls = case.sequence.calls();
            let asks =
                |call: &&crate::sequence::Call| call.function == question.function && !call.fixture;
            assert!(calls.filter(asks).count() > 0, "{}", question.id);
            let same = |other: &&Question| other.id == question.id;
            assert_eq!(QUESTIONS.iter().filter(same).count(), 1, "{}", question.id);
        }
    }
}
