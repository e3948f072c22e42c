//! What a family has made of an object's attributes, kept beside them: a parsed key is worth more
//! than its bytes when it is used again. It is forgotten with the first attribute that changes.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// At most one value, of a type that only its maker knows.
#[derive(Default)]
pub(super) struct Memo(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Memo {
    /// The value kept, or a new one, which is kept unless another came first.
    pub(super) fn or_make<T: Any + Send + Sync, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let kept = self.0.get().map(Arc::clone);
        if let Some(kept) = kept.and_then(|kept| kept.downcast().ok()) {
            return Ok(kept);
        }
        let made = Arc::new(make()?);
        // Two threads may both have made it; either is as good.
        let _ = self.0.set(made.clone());
        Ok(made)
    }
}

impl Clone for Memo {
    /// A copy of an object is made to be changed.
    fn clone(&self) -> Memo {
        Memo::default()
    }
}

impl PartialEq for Memo {
    /// It follows from the attributes and adds nothing to them.
    fn eq(&self, _: &Memo) -> bool {
        true
    }
}

impl Eq for Memo {}

impl fmt::Debug for Memo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Memo")
    }
}
