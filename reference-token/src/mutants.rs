//! Mutants: faults that real modules have had, seeded into the token to measure what a harness
//! catches. They exist only with the feature `mutants`, one at a time, chosen by the environment
//! variable REFERENCE_TOKEN_MUTANT; `mutants.toml` names each with the clause it breaks.

/// Whether a mutant is the one at work. Without the feature it is a constant, and its code is not
/// in the library.
macro_rules! mutant {
    ($name:literal) => {{
        #[cfg(feature = "mutants")]
        let chosen = $crate::mutants::is_chosen($name);
        #[cfg(not(feature = "mutants"))]
        let chosen = false;
        chosen
    }};
}

/// Whether the environment names this mutant. Read once: a process is one mutant or none.
#[cfg(feature = "mutants")]
pub(crate) fn is_chosen(name: &str) -> bool {
    static CHOSEN: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("REFERENCE_TOKEN_MUTANT").ok());
    CHOSEN.as_deref() == Some(name)
}

/// Does something, and takes 15% longer over it than it does.
#[cfg(feature = "mutants")]
pub(crate) fn slowed<T>(work: impl FnOnce() -> T) -> T {
    let begun = std::time::Instant::now();
    let done = work();
    let late = begun + begun.elapsed() * 115 / 100;
    while std::time::Instant::now() < late {
        std::hint::spin_loop();
    }
    done
}

/// Takes time, as work does that is only done where a secret asks for it: what tells of it though the answer does not.
pub(crate) fn linger(time: std::time::Duration) {
    let late = std::time::Instant::now() + time;
    while std::time::Instant::now() < late {
        std::hint::spin_loop();
    }
}

/// The data after some time in a place that all threads share: those of another one, if that came meanwhile.
pub(crate) fn crossed(data: &[u8]) -> Vec<u8> {
    static PLACE: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new());
    let place = || {
        PLACE
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    data.clone_into(&mut place());
    std::thread::sleep(std::time::Duration::from_millis(1));
    place().clone()
}
