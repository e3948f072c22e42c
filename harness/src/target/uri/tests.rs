//! The examples of RFC 7512, strings that another parser is tested with, and the matching rules.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Uri {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn texts_are_decoded_into_their_attributes() {
    let cases = [
        (
            "pkcs11:object=my-pubkey;type=public",
            Text::Object,
            "my-pubkey",
        ),
        (
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken",
            Text::Token,
            "The Software PKCS#11 Softtoken",
        ),
        (
            "pkcs11:manufacturer=Snake%20Oil,%20Inc.",
            Text::Manufacturer,
            "Snake Oil, Inc.",
        ),
        ("pkcs11:serial=", Text::Serial, ""),
        (
            "pkcs11:slot-description=Sun%20Metaslot",
            Text::SlotDescription,
            "Sun Metaslot",
        ),
        (
            "pkcs11:token=A%20name%20with%20a%20substring%20%25%3B",
            Text::Token,
            "A name with a substring %;",
        ),
        (
            "pkcs11:token=small%20A%20with%20acute:%20%C3%A1",
            Text::Token,
            "small A with acute: \u{e1}",
        ),
        (
            "pkcs11:token=Token%20Label;serial=3333;model=Deluxe;manufacturer=Me",
            Text::Model,
            "Deluxe",
        ),
        (
            "pkcs11:slot-description=Slot%20Description;slot-manufacturer=Me",
            Text::SlotManufacturer,
            "Me",
        ),
        (
            "pkcs11:library-description=The%20Library;library-manufacturer=Me",
            Text::LibraryDescription,
            "The Library",
        ),
        ("pkcs11:object=;type=cert", Text::Object, ""),
    ];
    for (text, which, expected) in cases {
        assert_eq!(parse(text).text(which), Some(expected), "{text}");
    }
}

#[test]
fn a_uri_may_be_folded_over_lines() {
    let uri = parse(
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;
                manufacturer=Snake%20Oil,%20Inc.;
                model=1.0;
                object=my-certificate;
                type=cert;
                id=%69%95%3E%5C%F4%BD%EC%91;
                serial=
                ?pin-source=file:/etc/token_pin",
    );
    assert_eq!(
        uri.id.as_deref(),
        Some(&b"\x69\x95\x3e\x5c\xf4\xbd\xec\x91"[..])
    );
    assert_eq!(uri.object_type, Some(ObjectType::Certificate));
    assert_eq!(uri.text(Text::Serial), Some(""));
    assert_eq!(uri.pin, Some(PinSource::File("/etc/token_pin".into())));
}

#[test]
fn values_that_are_not_text_have_their_own_types() {
    let uri = parse("pkcs11:library-version=3;id=%01%02%03%Ba%dd%Ca%fe%04%05%06;slot-id=12345");
    assert_eq!(uri.library_version, Some((3, 0)));
    assert_eq!(
        uri.id.as_deref(),
        Some(&[1, 2, 3, 0xba, 0xdd, 0xca, 0xfe, 4, 5, 6][..])
    );
    assert_eq!(uri.slot_id, Some(12345));
    assert_eq!(
        parse("pkcs11:library-version=5.8").library_version,
        Some((5, 8))
    );
    assert_eq!(
        parse("pkcs11:library-version=2.101").library_version,
        Some((2, 101))
    );
    assert_eq!(
        parse("pkcs11:id=%54%45%53%54%00").id.as_deref(),
        Some(&b"TEST\0"[..])
    );
    assert_eq!(
        parse("pkcs11:object=Fancy;id=Blah;type=data").id.as_deref(),
        Some(&b"Blah"[..])
    );
    for (class, name) in TYPES {
        assert_eq!(
            parse(&format!("pkcs11:type={name}")).object_type,
            Some(*class)
        );
    }
}

#[test]
fn the_query_names_module_and_pin() {
    let uri = parse("pkcs11:?module-name=1%2A%26%23%25%26%40%28&module-path=/blah%2Fblah");
    assert_eq!(uri.module_name.as_deref(), Some("1*&#%&@("));
    assert_eq!(uri.module_path.as_deref(), Some("/blah/blah"));
    let pin = |text: &str| parse(text).pin;
    assert_eq!(
        pin("pkcs11:?pin-value=1%2A%26%23"),
        Some(PinSource::Literal(Secret::new("1*&#")))
    );
    assert_eq!(
        pin("pkcs11:?pin-source=blah%2Fblah"),
        Some(PinSource::File("blah/blah".into()))
    );
    assert_eq!(
        pin("pkcs11:?pin-source=file:///etc/pin"),
        Some(PinSource::File("/etc/pin".into()))
    );
    assert_eq!(
        pin("pkcs11:?pin-source=env:PIN"),
        Some(PinSource::Environment("PIN".into()))
    );
    assert_eq!(pin("pkcs11:?pin-source=prompt"), Some(PinSource::Prompt));
}

#[test]
fn a_pin_file_is_written_as_it_was_read() {
    for (text, path) in [
        ("//folder/pin", "//folder/pin"),
        ("file:////folder/pin", "//folder/pin"),
        ("file:///folder/pin", "/folder/pin"),
        ("file://pin", "pin"),
        ("", ""),
    ] {
        let uri = parse(&format!("pkcs11:?pin-source={text}"));
        let Some(PinSource::File(file)) = &uri.pin else {
            panic!("{uri:?}");
        };
        assert_eq!(file.to_str(), Some(path));
        let again = parse(&uri.expose());
        assert_eq!(again, uri, "{}", uri.expose());
    }
}

#[test]
fn vendor_attributes_are_kept() {
    let uri = parse(
        "pkcs11:token=my-token;vendor-aaa=value-a?pin-source=file:/etc/token_pin&vendor-bbb=value-b",
    );
    assert_eq!(
        uri.vendor.get("vendor-aaa").map(String::as_str),
        Some("value-a")
    );
    assert_eq!(
        uri.vendor_query.get("vendor-bbb"),
        Some(&vec!["value-b".to_owned()])
    );
    // In the query they may repeat; the order among names does not matter.
    let one = parse("pkcs11:?aaa=xxx&aaa=yyy&bbb=zzz");
    assert_eq!(one, parse("pkcs11:?bbb=zzz&aaa=xxx&aaa=yyy"));
    assert_eq!(one.to_string(), "pkcs11:?aaa=xxx&aaa=yyy&bbb=zzz");
}

#[test]
fn what_breaks_a_rule_is_refused() {
    let percent = |name: &str| UriError::Percent(name.into());
    let version = || UriError::Value {
        name: "library-version",
        wanted: "`M` or `M.N`, both decimal and at most 255",
    };
    let cases = [
        ("", UriError::Scheme),
        ("http:token=x", UriError::Scheme),
        ("pkcs11", UriError::Scheme),
        ("pkcs11:token", UriError::NoValue("token".into())),
        ("pkcs11:token=a;", UriError::NoValue(String::new())),
        ("pkcs11:=a", UriError::Name(String::new())),
        ("pkcs11:to ken=a", UriError::Name("to ken".into())),
        ("pkcs11:object=Test%", percent("object")),
        ("pkcs11:object=T%xxest", percent("object")),
        ("pkcs11:token=Token%", percent("token")),
        (
            "pkcs11:library-description=Library%",
            percent("library-description"),
        ),
        ("pkcs11:?pin-value=blahblah%2", percent("pin-value")),
        ("pkcs11:?module-name=blahblah%2", percent("module-name")),
        ("pkcs11:library-version=.23", version()),
        ("pkcs11:library-version=23.", version()),
        ("pkcs11:library-version=a.a", version()),
        ("pkcs11:library-version=1000", version()),
        ("pkcs11:library-version=2.1000", version()),
        ("pkcs11:library-version=%2B2", version()),
        ("pkcs11:library-version=", version()),
        (
            "pkcs11:slot-id=x",
            UriError::Value {
                name: "slot-id",
                wanted: "a decimal number",
            },
        ),
        (
            "pkcs11:slot-id=",
            UriError::Value {
                name: "slot-id",
                wanted: "a decimal number",
            },
        ),
        (
            "pkcs11:slot-id=123^456",
            UriError::Character {
                name: "slot-id".into(),
                character: '^',
                encoded: "%5E".into(),
            },
        ),
        (
            "pkcs11:token=a b",
            UriError::Character {
                name: "token".into(),
                character: ' ',
                encoded: "%20".into(),
            },
        ),
        (
            "pkcs11:token=a/b",
            UriError::Character {
                name: "token".into(),
                character: '/',
                encoded: "%2F".into(),
            },
        ),
        (
            "pkcs11:token=\u{e1}",
            UriError::Character {
                name: "token".into(),
                character: '\u{e1}',
                encoded: "%C3%A1".into(),
            },
        ),
        (
            "pkcs11:?pin-value=a#b",
            UriError::Character {
                name: "pin-value".into(),
                character: '#',
                encoded: "%23".into(),
            },
        ),
        ("pkcs11:token=%FF", UriError::NotText("token".into())),
        (
            "pkcs11:type=unknown",
            UriError::Type("unknown object type `unknown`".into()),
        ),
        (
            "pkcs11:type=cerd",
            UriError::Type("unknown object type `cerd`; did you mean `cert`?".into()),
        ),
        (
            "pkcs11:model=a-value-that-is-too-long-for-the-field-that-it-goes-with",
            UriError::Impossible {
                name: "model".into(),
                limit: 16,
                ascii: false,
            },
        ),
        (
            "pkcs11:serial=%C3%A1",
            UriError::Impossible {
                name: "serial".into(),
                limit: 16,
                ascii: true,
            },
        ),
        ("pkcs11:token=a;token=a", UriError::Twice("token".into())),
        ("pkcs11:id=a;id=a", UriError::Twice("id".into())),
        ("pkcs11:x-a=1;x-a=1", UriError::Twice("x-a".into())),
        (
            "pkcs11:?module-name=a&module-name=b",
            UriError::Twice("module-name".into()),
        ),
        (
            "pkcs11:?pin-value=a&pin-value=b",
            UriError::Twice("pin-value".into()),
        ),
        ("pkcs11:?pin-value=a&pin-source=file:/b", UriError::TwoPins),
        ("pkcs11:?pin-source=|/usr/bin/pin", UriError::PinCommand),
        (
            "pkcs11:?pin-source=https://host/pin",
            UriError::PinScheme("https".into()),
        ),
        (
            "pkcs11:?module-path=blah%2Fblah",
            UriError::Value {
                name: "module-path",
                wanted: "an absolute path",
            },
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Uri>(), Err(expected), "{text}");
    }
}

#[test]
fn notation_makes_no_difference_to_equality() {
    let same = [
        ("pkcs11:token=a;type=cert", "pkcs11:type=cert;token=%61"),
        ("pkcs11:library-version=3", "pkcs11:library-version=3.0"),
        ("pkcs11:id=%aB", "PKCS11:id=%Ab"),
        ("pkcs11:slot-id=007", "pkcs11:slot-id=7"),
        ("pkcs11:token=a?", "pkcs11:token=a"),
    ];
    for (one, other) in same {
        assert_eq!(parse(one), parse(other));
    }
    assert_ne!(parse("pkcs11:token="), parse("pkcs11:"));
}

fn slot() -> SlotIdentity {
    SlotIdentity {
        slot_id: 7,
        slot_description: "Sun Metaslot".into(),
        slot_manufacturer: "Snake Oil, Inc.".into(),
        token: Some(TokenIdentity {
            label: "My token                        ".into(),
            manufacturer: "Me".into(),
            model: "Deluxe".into(),
            serial: "                ".into(),
        }),
        library_description: "Soft Token Library".into(),
        library_manufacturer: "Snake Oil, Inc.".into(),
        library_version: (1, 23),
    }
}

#[test]
fn slots_are_matched_by_every_attribute_given() {
    let cases = [
        ("pkcs11:", true),
        ("pkcs11:token=My%20token", true),
        ("pkcs11:token=My", false),
        ("pkcs11:token=my%20token", false),
        ("pkcs11:serial=", true),
        ("pkcs11:serial=1", false),
        ("pkcs11:model=Deluxe;manufacturer=Me", true),
        ("pkcs11:model=Deluxe;manufacturer=You", false),
        (
            "pkcs11:slot-description=Sun%20Metaslot;slot-manufacturer=Snake%20Oil,%20Inc.",
            true,
        ),
        (
            "pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;library-version=1.23",
            true,
        ),
        ("pkcs11:library-version=1", false),
        ("pkcs11:slot-id=7", true),
        ("pkcs11:slot-id=8", false),
        ("pkcs11:object=anything;type=private;id=%00", true),
        ("pkcs11:x-blah=some-value", false),
        ("pkcs11:object=Test%20Label;object-type=cert", false),
        ("pkcs11:?my-query-two=some-value", true),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).matches(&slot()), expected, "{text}");
    }
    let empty = SlotIdentity {
        token: None,
        ..slot()
    };
    assert!(parse("pkcs11:slot-id=7").matches(&empty));
    assert!(!parse("pkcs11:serial=").matches(&empty));
}

#[test]
fn objects_are_matched_by_label_class_and_id() {
    let uri = parse("pkcs11:token=t;object=Fancy;id=%01;type=private");
    assert!(uri.matches_object("Fancy", Some(ObjectType::Private), &[1]));
    assert!(!uri.matches_object("Fancy", Some(ObjectType::Public), &[1]));
    assert!(!uri.matches_object("Fancy", None, &[1]));
    assert!(!uri.matches_object("Fanc", Some(ObjectType::Private), &[1]));
    assert!(!uri.matches_object("Fancy", Some(ObjectType::Private), &[]));
    assert!(parse("pkcs11:id=;type=cert").matches_object("x", Some(ObjectType::Certificate), &[]));
    assert!(!parse("pkcs11:x-blah=1").matches_object("x", None, &[]));
}

#[test]
fn modules_are_named_without_their_affixes() {
    let path = Path::new("/usr/lib/libmypkcs11.so.1");
    let cases = [
        ("pkcs11:", true),
        ("pkcs11:?module-name=mypkcs11", true),
        ("pkcs11:?module-name=MyPkcs11", true),
        ("pkcs11:?module-name=libmypkcs11", true),
        ("pkcs11:?module-name=other", false),
        ("pkcs11:?module-path=/usr/lib/libmypkcs11.so.1", true),
        ("pkcs11:?module-path=/usr/lib", true),
        ("pkcs11:?module-path=/usr", false),
        ("pkcs11:?module-path=/usr/lib&module-name=other", false),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).names_module(path), expected, "{text}");
    }
}

#[test]
fn a_pin_is_written_out_only_on_request() {
    let uri = parse("pkcs11:token=Software%20PKCS%2311%20softtoken?pin-value=the-pin");
    assert!(!format!("{uri} {uri:?}").contains("the-pin"));
    assert!(!serde_json::to_string(&uri).unwrap().contains("the-pin"));
    assert_eq!(
        uri.expose(),
        "pkcs11:token=Software%20PKCS%2311%20softtoken?pin-value=the-pin"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        label in "\\PC{0,8}", id in proptest::collection::vec(any::<u8>(), 0..8),
        slot in any::<u64>(), version in any::<(u8, u8)>(), pin in "\\PC{0,8}", vendor in "\\PC{0,8}",
    ) {
        let mut uri = Uri {
            id: Some(id),
            slot_id: Some(slot),
            library_version: Some(version),
            pin: Some(PinSource::Literal(Secret::new(pin))),
            ..Uri::default()
        };
        uri.set_text(Text::Token, label);
        uri.vendor.insert("x-vendor".into(), vendor.clone());
        uri.vendor_query.insert("x-query".into(), vec![vendor.clone(), vendor]);
        prop_assert_eq!(uri.expose().parse::<Uri>(), Ok(uri));
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,40}", tail in "[%;=?&a-z0-9:.]{0,40}") {
        let _ = text.parse::<Uri>();
        if let Ok(uri) = format!("pkcs11:{tail}").parse::<Uri>() {
            prop_assert_eq!(uri.expose().parse::<Uri>(), Ok(uri));
        }
    }
}
