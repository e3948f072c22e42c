//! Any text as a PKCS #11 URI: reading never panics, and what is read is the same after it is written and
//! read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use p11assay::target::uri::Uri;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(uri) = text.parse::<Uri>() {
        let written = uri.expose();
        let again = written
            .parse::<Uri>()
            .unwrap_or_else(|error| panic!("{written} is not read: {error}"));
        assert_eq!(again, uri, "{written}");
    }
});
