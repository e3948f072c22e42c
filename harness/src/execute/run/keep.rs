//! What calls gave, kept under the names that their steps gave it.

use cryptoki_sys::{CKR_BUFFER_TOO_SMALL, CKR_OK};

use super::super::plan::{From, Give, PreparedCall, Source};
use super::Prepared;
use crate::sequence::{Value, value};

impl Prepared<'_> {
    /// Keeps the outputs that the step gives names to.
    #[inline(always)]
    pub(super) fn keep(&mut self, prepared: &PreparedCall, rv: u64) {
        for give in &prepared.gives {
            match (&give.from, &mut self.values[give.register]) {
                (From::Number { part }, Some(Value::Number(number))) if rv == CKR_OK => {
                    *number = prepared.get(&self.shelf, *part, 0);
                }
                _ => self.keep_output(prepared, give, rv),
            }
        }
    }

    #[cold]
    fn keep_output(&mut self, prepared: &PreparedCall, give: &Give, rv: u64) {
        let (kind, output, path) = match &give.from {
            From::Number { .. } if rv == CKR_BUFFER_TOO_SMALL => return,
            From::Number { part } => {
                let number = prepared.get(&self.shelf, *part, 0);
                self.values[give.register] = Some(Value::Number(number));
                return;
            }
            From::Output { kind, output, path } => (*kind, *output, path),
        };
        let shape = &prepared.outputs[output].shape;
        let found = prepared.encoded(&self.shelf, shape, rv, &mut self.scratch);
        if let Some(bytes) = found {
            let whole = value::decode(kind, bytes).ok();
            self.values[give.register] = match path.as_slice() {
                [] => whole,
                path => whole.and_then(|value| value.select(path)),
            };
        }
    }

    pub(super) fn value(&self, source: &Source) -> Option<Value> {
        self.values[source.register].as_ref()?.select(&source.path)
    }
}
