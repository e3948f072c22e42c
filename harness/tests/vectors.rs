//! Test vectors on the built-in token: it answers every one as it should, and nothing but their own
//! name brings them into a run.

use std::process::Command;

use p11assay_reports::evidence::Verdict;
use p11assay_reports::stream;

/// Sets, and how many of their vectors must pass: the others have something that no token need take,
/// such as an empty key, or are acceptable and refused.
const SETS: &[(&str, usize)] = &[
    ("wycheproof/aes_cbc_pkcs5", 216),
    ("wycheproof/aes_ccm", 552),
    ("wycheproof/aes_cmac", 306),
    ("wycheproof/aes_gcm", 316),
    ("wycheproof/aes_gmac", 414),
    ("wycheproof/aes_kwp", 508),
    ("wycheproof/aes_wrap", 450),
    ("wycheproof/aes_xts", 82),
    ("wycheproof/aria_cbc_pkcs5", 216),
    ("wycheproof/camellia_cbc_pkcs5", 216),
    ("wycheproof/chacha20_poly1305", 325),
    ("wycheproof/xchacha20_poly1305", 315),
    ("wycheproof/dsa_2048_224_sha224_p1363", 109),
    ("wycheproof/ecdh_secp256r1_ecpoint", 355),
    ("wycheproof/ecdsa_secp256r1_sha256", 249),
    ("wycheproof/ecdsa_secp256r1_sha256_p1363", 262),
    ("wycheproof/ed25519", 151),
    ("wycheproof/ed448", 87),
    ("wycheproof/hkdf_sha256", 86),
    ("wycheproof/hmac_sha256", 174),
    ("wycheproof/hmac_sha3_256", 174),
    ("wycheproof/mldsa_44_sign_seed", 74),
    ("wycheproof/mldsa_44_verify", 176),
    ("wycheproof/mlkem_512", 180),
    ("wycheproof/pbes2_hmacsha256_aes_128", 84),
    ("wycheproof/rsa_oaep_2048_sha256_mgf1sha256", 37),
    ("wycheproof/rsa_pkcs1_2048", 67),
    ("wycheproof/rsa_pss_2048_sha256_mgf1_32", 108),
    ("wycheproof/rsa_signature_2048_sha256", 258),
    ("wycheproof/x25519", 487),
    ("nist/ciphers", 12),
    ("nist/digests", 30),
    ("stateful", 9),
];

fn run(arguments: &[&str]) -> (i32, stream::Evidence) {
    let folder = tempfile::tempdir().expect("a folder");
    let run_dir = folder.path().join("run");
    let output = Command::new(env!("CARGO_BIN_EXE_p11assay"))
        .args(["run", "--run-dir"])
        .arg(&run_dir)
        .args(arguments)
        .output()
        .expect("the binary runs");
    let evidence = stream::read(&run_dir.join("evidence.jsonl"))
        .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().expect("an exit code"), evidence)
}

#[test]
fn the_built_in_token_answers_vectors_of_every_kind() {
    let names: Vec<String> = SETS
        .iter()
        .map(|(set, _)| format!("vectors/{set}"))
        .collect();
    let mut arguments = vec!["--jobs", "2"];
    arguments.extend(names.iter().map(String::as_str));
    let (code, evidence) = run(&arguments);
    for (name, (_, expected)) in names.iter().zip(SETS) {
        let cases = evidence.cases.iter();
        let of_set = cases.filter(|case| case.id.starts_with(&format!("{name}/")));
        let passed = of_set.filter(|case| case.verdict == Verdict::Pass).count();
        assert_eq!(passed, *expected, "{name}");
    }
    let findings = evidence
        .cases
        .iter()
        .filter(|case| case.verdict.is_finding());
    let findings: Vec<&str> = findings.map(|case| case.id.as_str()).collect();
    assert_eq!(findings, [""; 0]);
    assert_eq!(code, 0);
}

#[test]
fn one_vector_is_named_alone_and_none_comes_unnamed() {
    let (code, evidence) = run(&["vectors/wycheproof/aes_gcm/tc-17", "life/login"]);
    assert_eq!(code, 0);
    let ids: Vec<&str> = evidence.cases.iter().map(|case| case.id.as_str()).collect();
    let vectors = ids.iter().filter(|id| id.starts_with("vectors/"));
    assert_eq!(vectors.count(), 1);
    assert!(ids.len() > 1);
    let (_, evidence) = run(&["*login*"]);
    assert!(
        !evidence
            .cases
            .iter()
            .any(|case| case.id.starts_with("vectors/"))
    );
}

/// The built-in token as one that creates no secret and private keys.
const GUARDED: &str = r#"
target: guarded
module: builtin
init-args: { reserved: { string: "configuration=${scratch}/token.toml" } }
disposable: true
provision:
  - write:
      path: "${scratch}/token.toml"
      text: |
        key-import = false
        file = "${scratch}/token"
        pin-rounds = 1
token: { label: "p11assay reference", pin: "1234", so-pin: "12345678" }
"#;

#[test]
fn keys_come_in_wrapped_where_none_is_created() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("guarded.yaml");
    std::fs::write(&target, GUARDED).expect("a target");
    let target = target.to_str().expect("UTF-8");
    for set in [
        "aes_cmac",
        "rsa_oaep_2048_sha256_mgf1sha256",
        "ecdh_secp256r1_ecpoint",
        "x25519",
    ] {
        let (id, passed) = SETS
            .iter()
            .map(|(id, passed)| (format!("vectors/{id}"), *passed))
            .find(|(id, _)| id.ends_with(set))
            .expect("a set of the table");
        let (code, evidence) = run(&["--target", target, &id]);
        assert_eq!(code, 0, "{set}");
        let good = evidence
            .cases
            .iter()
            .filter(|case| case.verdict == Verdict::Pass);
        assert_eq!(good.count(), passed, "{set}");
        let said = |note: &p11assay_reports::evidence::Note| {
            note.kind == "import" && note.text.ends_with("unwrapped with CKM_AES_CBC_PAD")
        };
        assert!(evidence.notes.iter().any(said), "{set}");
    }
}
