//! CMS signatures: [PKCS11-Base 3.2] section 6.44. A SignerInfo is put into a SignedData and given
//! to `openssl cms`, which has its own mind about what is a signature.

use std::path::PathBuf;
use std::process::Command;

use cryptoki_sys::*;

use super::support::{Attributes, Token, calls, hex, plain, rsa_2048, rsa_private, with};

const MESSAGE: &[u8] = b"a message to be signed\r\n";

/// DER: a tag, a length and the contents.
fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let content = contents.concat();
    let length = content.len();
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content].concat()
}

/// Object identifiers, encoded: the content types and attributes of RFC 5652.
const DATA: &str = "06092a864886f70d010701";
const SIGNED_DATA: &str = "06092a864886f70d010702";
const CONTENT_TYPE: &str = "06092a864886f70d010903";
const MESSAGE_DIGEST: &str = "06092a864886f70d010904";
const SIGNING_TIME: &str = "06092a864886f70d010905";
const UNKNOWN: &str = "06092a864886f70d01090f";

/// A list of attributes, each with one value or none.
fn list(attributes: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let one = |(identifier, value): &(&str, Option<&[u8]>)| {
        let set = value.map_or(Vec::new(), |value| element(0x31, &[value]));
        element(0x30, &[&hex(identifier), &set])
    };
    let attributes: Vec<u8> = attributes.iter().flat_map(one).collect();
    element(0x31, &[&attributes])
}

/// What the parameter says besides the mechanisms.
#[derive(Clone, Default)]
struct Wanted {
    certificate: CK_OBJECT_HANDLE,
    digest: Option<CK_MECHANISM_TYPE>,
    mime: Option<&'static std::ffi::CStr>,
    requested: Option<Vec<u8>>,
    required: Option<Vec<u8>>,
}

fn with_cms<T>(
    mut signing: CK_MECHANISM,
    wanted: &Wanted,
    call: impl FnOnce(CK_MECHANISM) -> T,
) -> T {
    let mut digest = wanted.digest.map(plain);
    let null = std::ptr::null_mut();
    let pointer =
        |list: &Option<Vec<u8>>| list.as_ref().map_or(null, |list| list.as_ptr().cast_mut());
    let length = |list: &Option<Vec<u8>>| list.as_ref().map_or(0, |list| list.len() as CK_ULONG);
    let mut parameter = CK_CMS_SIG_PARAMS {
        certificateHandle: wanted.certificate,
        pSigningMechanism: &mut signing,
        pDigestMechanism: digest
            .as_mut()
            .map_or(std::ptr::null_mut(), |digest| digest),
        pContentType: wanted
            .mime
            .map_or(null, |mime| mime.as_ptr().cast_mut().cast()),
        pRequestedAttributes: pointer(&wanted.requested),
        ulRequestedAttributesLen: length(&wanted.requested),
        pRequiredAttributes: pointer(&wanted.required),
        ulRequiredAttributesLen: length(&wanted.required),
    };
    call(with(CKM_CMS_SIG, &mut parameter))
}

struct Scene {
    token: Token,
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
    certificate: CK_OBJECT_HANDLE,
}

impl Scene {
    fn new() -> Scene {
        let token = Token::fresh();
        let session = token.user_session();
        let key = token.create(session, &rsa_private()).unwrap();
        let certificate = Attributes::new()
            .ulong(CKA_CLASS, CKO_CERTIFICATE)
            .ulong(CKA_CERTIFICATE_TYPE, CKC_X_509)
            .bytes(CKA_SUBJECT, *b"subject")
            .bytes(CKA_VALUE, hex(rsa_2048::CERTIFICATE));
        let certificate = token.create(session, &certificate).unwrap();
        Scene {
            token,
            session,
            key,
            certificate,
        }
    }

    /// The SignerInfo of the message.
    fn sign(&self, signing: CK_MECHANISM, wanted: &Wanted) -> Result<Vec<u8>, CK_RV> {
        with_cms(signing, wanted, |mechanism| {
            calls::sign(&self.token, self.session, mechanism, self.key, MESSAGE)
        })
    }

    fn refused(&self, signing: CK_MECHANISM, wanted: &Wanted) -> CK_RV {
        let rv = self.sign(signing, wanted).unwrap_err();
        let none = std::ptr::null_mut();
        call!(self.token, C_SignInit(self.session, none, 0));
        rv
    }

    fn by_certificate(&self) -> Wanted {
        Wanted {
            certificate: self.certificate,
            ..Wanted::default()
        }
    }
}

/// Whether OpenSSL accepts a SignedData with this SignerInfo and certificate for the message;
/// without OpenSSL nothing is asked.
fn openssl_accepts(name: &str, info: &[u8], certificate: &[u8]) -> bool {
    let sha_256 = element(0x30, &[&hex("0609608648016503040201")]);
    let signed = element(
        0x30,
        &[
            &[0x02, 0x01, 0x01],
            &element(0x31, &[&sha_256]),
            &element(0x30, &[&hex(DATA)]),
            &element(0xa0, &[certificate]),
            &element(0x31, &[info]),
        ],
    );
    let signed = element(0x30, &[&hex(SIGNED_DATA), &element(0xa0, &[&signed])]);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cms-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("signed.der"), signed).unwrap();
    std::fs::write(folder.join("message"), MESSAGE).unwrap();
    let arguments =
        "cms -verify -noverify -binary -inform DER -in signed.der -content message -out /dev/null";
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output();
    let Ok(output) = output else { return true };
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[test]
fn openssl_accepts_what_is_signed_with_rsa() {
    let scene = Scene::new();
    let certificate = hex(rsa_2048::CERTIFICATE);
    let mut pss = CK_RSA_PKCS_PSS_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        sLen: 32,
    };
    let follows = scene.by_certificate();
    let named = Wanted {
        digest: Some(CKM_SHA256),
        ..follows.clone()
    };
    let by_key = Wanted::default();
    for (name, signing, wanted) in [
        ("pkcs1", plain(CKM_SHA256_RSA_PKCS), &follows),
        ("raw", plain(CKM_RSA_PKCS), &named),
        ("pss", with(CKM_SHA256_RSA_PKCS_PSS, &mut pss), &follows),
        ("raw-pss", with(CKM_RSA_PKCS_PSS, &mut pss), &named),
        ("key", plain(CKM_SHA256_RSA_PKCS), &by_key),
    ] {
        let mut info = scene.sign(signing, wanted).unwrap();
        assert!(openssl_accepts(name, &info, &certificate), "{name}");
        if let Some(last) = info.last_mut() {
            *last ^= 1;
        }
        let altered = openssl_accepts(name, &info, &certificate);
        let asked = Command::new("openssl").arg("version").output().is_ok();
        assert_eq!(altered, !asked, "{name}");
    }
}

/// A signature by ECDSA is r and s in a SEQUENCE, and not one after the other as C_Sign has them.
#[test]
fn ecdsa_signatures_are_encoded_as_cms_has_them() {
    let scene = Scene::new();
    let (token, session) = (&scene.token, scene.session);
    let curve = Attributes::new().bytes(CKA_EC_PARAMS, hex("06082a8648ce3d030107"));
    let empty = Attributes::new();
    let (mut public, mut private) = (curve.list(), empty.list());
    let (mut mechanism, mut handles) = (plain(CKM_EC_KEY_PAIR_GEN), [0; 2]);
    let [verifier, signer] = &mut handles;
    let rv = call!(
        token,
        C_GenerateKeyPair(
            session,
            &mut mechanism,
            public.pointer(),
            1,
            private.pointer(),
            0,
            verifier,
            signer
        )
    );
    assert_eq!(rv, CKR_OK);
    let info = with_cms(plain(CKM_ECDSA_SHA256), &Wanted::default(), |mechanism| {
        calls::sign(token, session, mechanism, handles[1], MESSAGE).unwrap()
    });
    let fields = parts(&parts(&info)[0].1);
    let attributes = element(0x31, &[&fields[3].1]);
    let algorithm = hex("300a06082a8648ce3d040302");
    assert_eq!(fields[4].2, algorithm);
    let numbers = parts(&parts(&fields[5].1)[0].1);
    let wide = |number: &[u8]| {
        let digits: Vec<u8> = number
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        [vec![0; 32 - digits.len()], digits].concat()
    };
    let signature = [wide(&numbers[0].1), wide(&numbers[1].1)].concat();
    // Section 6.44.4: verified with the mechanism that signed.
    let rv = calls::verify(
        token,
        session,
        plain(CKM_ECDSA_SHA256),
        handles[0],
        (&attributes, &signature),
    );
    assert_eq!(rv, CKR_OK);
}

/// The elements of DER: tag, content and encoding of each.
fn parts(mut encoding: &[u8]) -> Vec<(u8, Vec<u8>, Vec<u8>)> {
    let mut list = Vec::new();
    while let [tag, length, rest @ ..] = encoding {
        let digits = usize::from(length & 0x7f);
        let (head, length) = match length {
            0x80.. => (
                2 + digits,
                rest[..digits]
                    .iter()
                    .fold(0, |n, byte| n << 8 | usize::from(*byte)),
            ),
            _ => (2, usize::from(*length)),
        };
        let end = head + length;
        list.push((*tag, encoding[head..end].to_vec(), encoding[..end].to_vec()));
        encoding = &encoding[end..];
    }
    list
}

/// The attributes of a SignerInfo, in their order: identifiers and values.
fn attributes(info: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let fields = parts(&parts(info)[0].1);
    let one = |(_, attribute, _): (u8, Vec<u8>, Vec<u8>)| {
        let both = parts(&attribute);
        (both[0].2.clone(), both[1].1.clone())
    };
    parts(&fields[3].1).into_iter().map(one).collect()
}

#[test]
fn attributes_are_those_that_are_required_requested_or_always_there() {
    let scene = Scene::new();
    let signing = plain(CKM_SHA256_RSA_PKCS);
    let sign = |required: Option<Vec<u8>>, requested: Option<Vec<u8>>| {
        let wanted = Wanted {
            required,
            requested,
            ..scene.by_certificate()
        };
        attributes(&scene.sign(signing, &wanted).unwrap())
    };
    let names = |attributes: &[(Vec<u8>, Vec<u8>)]| -> Vec<Vec<u8>> {
        attributes.iter().map(|(name, _)| name.clone()).collect()
    };
    // SHA-256 of the message, by sha256sum.
    let digest = hex("702bc5010c5db3db99b3491078500f4bde819d7fdc924304c73a00aa1f00fb3c");
    let always = sign(None, None);
    assert_eq!(names(&always), [hex(CONTENT_TYPE), hex(MESSAGE_DIGEST)]);
    assert_eq!(always[0].1, hex(DATA));
    assert_eq!(always[1].1, element(0x04, &[&digest]));
    // RFC 5652 section 11.3: a UTCTime.
    let time = element(0x17, &[b"261128120000Z"]);
    let timed = sign(Some(list(&[(SIGNING_TIME, Some(&time))])), None);
    let value = timed.iter().find(|(name, _)| *name == hex(SIGNING_TIME));
    assert_eq!(value.unwrap().1, time);
    let now = sign(None, Some(list(&[(SIGNING_TIME, None), (UNKNOWN, None)])));
    assert_eq!(now.len(), 3);
    let other = hex("060b2a864886f70d0109100104");
    let typed = sign(Some(list(&[(CONTENT_TYPE, Some(&other))])), None);
    assert_eq!(typed[0].1, other);
    let right = element(0x04, &[&digest]);
    assert_eq!(
        sign(Some(list(&[(MESSAGE_DIGEST, Some(&right))])), None),
        always
    );
    // DER has the elements of a set in the order of their encodings.
    for attributes in [always, timed, now] {
        let encoded: Vec<_> = attributes
            .iter()
            .map(|(name, value)| element(0x30, &[name, &element(0x31, &[value])]))
            .collect();
        assert!(encoded.is_sorted());
    }
}

#[test]
fn what_is_required_and_not_supported_is_refused() {
    let scene = Scene::new();
    let signing = plain(CKM_SHA256_RSA_PKCS);
    let required = |list| Wanted {
        required: Some(list),
        ..scene.by_certificate()
    };
    let time = element(0x17, &[b"261328120000Z"]);
    let late = element(0x18, &[b"20261128120000Z"]);
    for wrong in [
        list(&[(UNKNOWN, None)]),
        list(&[(SIGNING_TIME, Some(&time))]),
        list(&[(SIGNING_TIME, Some(&late))]),
        list(&[(CONTENT_TYPE, Some(&[0x05, 0x00]))]),
        list(&[(SIGNING_TIME, None), (SIGNING_TIME, None)]),
        list(&[]),
        vec![0x31, 0x80],
        Vec::from(b"no attributes"),
    ] {
        let refused = scene.refused(signing, &required(wrong));
        assert_eq!(refused, CKR_MECHANISM_PARAM_INVALID);
    }
    let digest = element(0x04, &[&[7; 32]]);
    let other = list(&[(MESSAGE_DIGEST, Some(&digest))]);
    let refused = scene.refused(signing, &required(other.clone()));
    assert_eq!(refused, CKR_FUNCTION_REJECTED);
    let requested = Wanted {
        requested: Some(other),
        ..scene.by_certificate()
    };
    assert!(scene.sign(signing, &requested).is_ok());
}

#[test]
fn mechanisms_certificate_and_content_type_have_to_fit() {
    let scene = Scene::new();
    let follows = scene.by_certificate();
    let invalid = CKR_MECHANISM_PARAM_INVALID;
    let digested = |digest| Wanted {
        digest,
        ..follows.clone()
    };
    let rows = [
        // Nothing says what hashes the data, or two things say it.
        (CKM_RSA_PKCS, digested(None), invalid),
        (CKM_SHA256_RSA_PKCS, digested(Some(CKM_SHA384)), invalid),
        (CKM_RSA_PKCS, digested(Some(CKM_MD5)), invalid),
        (CKM_RSA_X_509, digested(Some(CKM_SHA256)), invalid),
        (CKM_CMS_SIG, digested(None), invalid),
        (CKM_ECDSA_SHA256, digested(None), CKR_KEY_TYPE_INCONSISTENT),
    ];
    for (signing, wanted, expected) in rows {
        assert_eq!(scene.refused(plain(signing), &wanted), expected);
    }
    let signing = plain(CKM_SHA256_RSA_PKCS);
    assert!(scene.sign(signing, &digested(Some(CKM_SHA256))).is_ok());
    let certified = |certificate| Wanted {
        certificate,
        ..Wanted::default()
    };
    for wrong in [scene.key, 77] {
        assert_eq!(scene.refused(signing, &certified(wrong)), invalid);
    }
    let typed = |mime| Wanted {
        mime: Some(mime),
        ..follows.clone()
    };
    assert!(
        scene
            .sign(signing, &typed(c"text/plain; charset=utf-8"))
            .is_ok()
    );
    for wrong in [c"text", c"text/", c"a b/c", c"a/b/c", c""] {
        assert_eq!(scene.refused(signing, &typed(wrong)), invalid);
    }
}

#[test]
fn a_signer_without_a_certificate_is_named_by_its_key() {
    let scene = Scene::new();
    let signing = plain(CKM_SHA256_RSA_PKCS);
    let fields = |wanted: &Wanted| parts(&parts(&scene.sign(signing, wanted).unwrap())[0].1);
    let by_key = fields(&Wanted::default());
    // The subject key identifier in the certificate, which OpenSSL made by the same method.
    let identifier = hex("8014")
        .into_iter()
        .chain(hex("63cce919de049c1ed8922261f79dc4a80b675dd4"));
    assert_eq!(by_key[0].1, [3]);
    assert_eq!(by_key[1].2, identifier.collect::<Vec<u8>>());
    let by_certificate = fields(&scene.by_certificate());
    assert_eq!(by_certificate[0].1, [1]);
    let sid = parts(&by_certificate[1].1);
    assert_eq!(sid[1].1, hex("19c24377893b9c826bcc7a50fc051887873dd250"));
}

#[test]
fn the_mechanism_object_says_which_attributes_there_are() {
    let scene = Scene::new();
    let (token, session) = (&scene.token, scene.session);
    let template = |mechanism| {
        Attributes::new()
            .ulong(CKA_CLASS, CKO_MECHANISM)
            .ulong(CKA_MECHANISM_TYPE, mechanism)
    };
    let found = token.find(session, &template(CKM_CMS_SIG));
    let value = |attribute| token.attribute(session, found[0], attribute).unwrap();
    let always = list(&[(CONTENT_TYPE, None), (MESSAGE_DIGEST, None)]);
    assert_eq!(value(CKA_REQUIRED_CMS_ATTRIBUTES), always);
    assert_eq!(value(CKA_DEFAULT_CMS_ATTRIBUTES), always);
    let all = list(&[
        (CONTENT_TYPE, None),
        (MESSAGE_DIGEST, None),
        (SIGNING_TIME, None),
    ]);
    assert_eq!(value(CKA_SUPPORTED_CMS_ATTRIBUTES), all);
    let other = token.find(session, &template(CKM_SHA256));
    let refused = token.attribute(session, other[0], CKA_SUPPORTED_CMS_ATTRIBUTES);
    assert_eq!(refused, Err(CKR_ATTRIBUTE_TYPE_INVALID));
}
