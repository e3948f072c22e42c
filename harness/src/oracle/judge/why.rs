//! What a return value says of a case that does not apply by it: that the token lacks what the case
//! needs, that its policy refuses it, or only that the case did not come to what it is about.

use cryptoki_sys::CK_RV;
use p11assay_reports::evidence::Why;

use crate::cryptoki::refusal::{self, Reason};

pub(super) fn of(rv: CK_RV) -> Why {
    match refusal::reason(rv) {
        Reason::Absent => Why::Absent,
        Reason::Refused => Why::Refused,
        Reason::Unclear | Reason::Failure => Why::NotReachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::*;

    #[test]
    fn a_value_is_of_one_kind() {
        assert_eq!(of(CKR_MECHANISM_INVALID), Why::Absent);
        assert_eq!(of(CKR_KEY_SIZE_RANGE), Why::Refused);
        assert_eq!(of(CKR_DEVICE_ERROR), Why::NotReachable);
        assert_eq!(of(CKR_SIGNATURE_INVALID), Why::NotReachable);
    }
}
