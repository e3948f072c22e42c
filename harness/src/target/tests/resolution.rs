//! Which of file, URI and flag decides, and which module is found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{builtin, target_in};
use crate::target::init_args::InitArgsForm;
use crate::target::secret::{PinSource, Secret};
use crate::target::uri::{SlotIdentity, TokenIdentity};
use crate::target::{Module, Origin, Overrides, Selector, SuiteFile, Target, TargetError};

fn pin(text: &str) -> Option<PinSource> {
    Some(PinSource::Literal(Secret::new(text)))
}

#[test]
fn a_flag_beats_a_uri_which_beats_the_file() {
    let text = "
target: t
module: builtin
init-args: { reserved: { string: file } }
token: { label: file, uri-pin: }
";
    let text = text.replace("uri-pin: ", "pin: \"file\"");
    let uri = Some("pkcs11:token=uri?pin-value=uri".parse().unwrap());
    let by_uri = Selector {
        uri: uri.clone(),
        ..Selector::default()
    };
    let labelled = |label: &str| Selector {
        label: Some(label.into()),
        ..Selector::default()
    };
    let cases = [
        (Overrides::default(), labelled("file"), pin("file")),
        (
            Overrides {
                uri: uri.clone(),
                ..Overrides::default()
            },
            by_uri.clone(),
            pin("uri"),
        ),
        (
            Overrides {
                uri,
                pin: pin("flag"),
                ..Overrides::default()
            },
            by_uri,
            pin("flag"),
        ),
        (
            Overrides {
                token_label: Some("flag".into()),
                ..Overrides::default()
            },
            labelled("flag"),
            pin("file"),
        ),
        (
            // The file's label does not limit a slot that a flag chooses.
            Overrides {
                slot: Some(4),
                ..Overrides::default()
            },
            Selector {
                slot: Some(4),
                ..Selector::default()
            },
            pin("file"),
        ),
        (
            // A URI that says nothing about the token leaves the file's choice.
            Overrides {
                uri: Some("pkcs11:?pin-value=uri".parse().unwrap()),
                ..Overrides::default()
            },
            labelled("file"),
            pin("uri"),
        ),
    ];
    for (flags, selector, pin) in cases {
        let target = target_in(Path::new("/"), &text, &flags);
        assert_eq!((target.selector, target.pin), (selector, pin), "{flags:?}");
    }
    let flags = Overrides {
        init_args: Some("none".into()),
        ..Overrides::default()
    };
    assert_eq!(
        target_in(Path::new("/"), &text, &flags).init_args,
        InitArgsForm::None
    );
}

#[test]
fn a_pin_in_the_files_uri_counts_unless_a_key_gives_one() {
    let target = builtin("token: { uri: \"pkcs11:token=a?pin-value=uri\" }");
    assert_eq!(target.pin, pin("uri"));
    let target = builtin("token: { uri: \"pkcs11:token=a?pin-value=uri\", pin: key }");
    assert_eq!(target.pin, pin("key"));
}

#[test]
fn login_follows_from_a_pin_unless_it_is_said() {
    let cases = [
        ("", None, false),
        ("token: { pin: a }", None, true),
        ("token: { pin: a }\nlogin: false", None, false),
        ("token: { pin: a }\nlogin: false", Some(true), true),
        ("login: true", Some(false), false),
    ];
    for (more, login, expected) in cases {
        let text = format!("target: t\nmodule: builtin\n{more}\n");
        let flags = Overrides {
            login,
            ..Overrides::default()
        };
        assert_eq!(
            target_in(Path::new("/"), &text, &flags).login,
            expected,
            "{more}"
        );
    }
}

#[test]
fn a_token_is_disposable_only_if_someone_says_so() {
    for (more, flag, expected) in [
        ("", false, false),
        ("", true, true),
        ("disposable: true", false, true),
        ("disposable: false", true, true),
    ] {
        let text = format!("target: t\nmodule: builtin\n{more}\n");
        let flags = Overrides {
            disposable: flag,
            ..Overrides::default()
        };
        assert_eq!(
            target_in(Path::new("/"), &text, &flags).disposable,
            expected,
            "{more}"
        );
    }
}

#[test]
fn limits_have_defaults() {
    let target = builtin("");
    assert_eq!(
        (target.call_deadline, target.memory),
        (Duration::from_secs(10), None)
    );
    let target =
        builtin("limits: { call-deadline: 1s, memory: 1KiB }\ncapabilities: { version: \"2.40\" }");
    assert_eq!(
        (target.call_deadline, target.memory),
        (Duration::from_secs(1), Some(1024))
    );
    assert_eq!(target.version, Some(crate::cryptoki::Version::V2_40));
}

#[test]
fn flags_that_exclude_each_other_are_refused() {
    let two = Overrides {
        slot: Some(1),
        slot_index: Some(1),
        ..Overrides::default()
    };
    let uri = Some("pkcs11:token=a".parse().unwrap());
    let uri_and_more = Overrides {
        uri,
        serial: Some("1".into()),
        ..Overrides::default()
    };
    for flags in [two, uri_and_more] {
        let error = Target::load(Some("builtin"), &flags).unwrap_err();
        assert!(matches!(error, TargetError::Selector(_)), "{error}");
    }
}

#[test]
fn the_first_module_that_exists_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let here = folder.path().join("sub/here.so");
    std::fs::write(&here, "").unwrap();
    let path = Module::Path(here.clone());
    let cases = [
        ("./sub/here.so", path.clone()),
        (
            "[./sub, ./absent.so, \"${env:P11ASSAY_NOT_SET}\", \"p11-kit:no such\", ./sub/here.so]",
            path.clone(),
        ),
        ("\"${target-dir}/sub/here.so\"", path.clone()),
        ("[./absent.so, builtin, ./sub/here.so]", Module::Builtin),
        ("libbare.so.1", Module::Path(PathBuf::from("libbare.so.1"))),
    ];
    for (module, expected) in cases {
        let text = format!("target: t\nmodule: {module}\n");
        let target = target_in(folder.path(), &text, &Overrides::default());
        assert_eq!(target.module, expected, "{module}");
    }
    let shown = here.display().to_string();
    let by_flag = Overrides {
        module: Some(shown.clone()),
        ..Overrides::default()
    };
    let uri = Some(format!("pkcs11:?module-path={shown}").parse().unwrap());
    let by_uri = Overrides {
        uri,
        ..Overrides::default()
    };
    for flags in [by_flag, by_uri] {
        let text = "target: t\nmodule: builtin\n";
        assert_eq!(target_in(folder.path(), text, &flags).module, path);
        // No target at all: the module alone, and nothing may be destroyed.
        let target = Target::load(None, &flags).unwrap();
        assert_eq!((target.name.as_str(), &target.module), ("here", &path));
        assert!(
            !target.disposable && target.provision.is_empty() && target.origin == Origin::Flags
        );
    }
}

#[test]
fn a_missing_module_says_what_was_tried_and_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    std::fs::write(
        &file,
        "target: t\npackage: pack\nmodule: [./a.so, \"${env:P11ASSAY_NOT_SET}\"]\n",
    )
    .unwrap();
    let error = Target::load(file.to_str(), &Overrides::default())
        .unwrap_err()
        .to_string();
    for part in [
        "/a.so` is not a file",
        "P11ASSAY_NOT_SET",
        "install the package `pack`",
        "--module",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn targets_are_named_or_given_by_path() {
    let none = Overrides::default();
    assert_eq!(Target::load(None, &none).unwrap().module, Module::Builtin);
    assert_eq!(
        Target::load(Some("builtin"), &none).unwrap().origin,
        Origin::Shipped
    );
    let error = Target::load(Some("softhsm"), &none)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("unknown target `softhsm`; did you mean `softhsm2`?"),
        "{error}"
    );
    let error = Target::load(Some("./absent.yaml"), &none)
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot read this file"), "{error}");
}

#[test]
fn paths_in_a_target_are_relative_to_it() {
    let file = Origin::File("/t".into());
    assert_eq!(
        file.locate("../a.yaml").unwrap(),
        SuiteFile::File("/t/../a.yaml".into())
    );
    let shipped = |path: &str| Origin::Shipped.locate(path);
    let below = |path: &str| SuiteFile::Shipped(path.to_owned());
    for (copied, known) in [
        (
            "../profiles/provision/certificates.yaml",
            "profiles/provision/certificates.yaml",
        ),
        ("waivers/softhsm2.yaml", "targets/waivers/softhsm2.yaml"),
    ] {
        assert_eq!(file.locate(copied).unwrap(), below(known), "of a copy");
    }
    assert_eq!(
        shipped("../profiles/a.yaml").unwrap(),
        below("profiles/a.yaml")
    );
    assert_eq!(shipped("./w.yaml").unwrap(), below("targets/w.yaml"));
    for path in ["../../a", "/a", "../../../x"] {
        assert!(
            matches!(shipped(path), Err(TargetError::Outside(_))),
            "{path}"
        );
    }
}

#[test]
fn a_slot_must_fit_every_criterion() {
    let slot = SlotIdentity {
        slot_id: 7,
        token: Some(TokenIdentity {
            label: "l   ".into(),
            serial: "s".into(),
            ..TokenIdentity::default()
        }),
        ..SlotIdentity::default()
    };
    let empty = SlotIdentity {
        token: None,
        ..slot.clone()
    };
    let base = Selector::default;
    // Criteria; fits at index 2 with the token, and without.
    let cases = [
        (base(), true, true),
        (
            Selector {
                slot: Some(7),
                ..base()
            },
            true,
            true,
        ),
        (
            Selector {
                slot: Some(8),
                ..base()
            },
            false,
            false,
        ),
        (
            Selector {
                slot_index: Some(2),
                ..base()
            },
            true,
            true,
        ),
        (
            Selector {
                slot_index: Some(1),
                ..base()
            },
            false,
            false,
        ),
        (
            Selector {
                label: Some("l".into()),
                serial: Some("s".into()),
                ..base()
            },
            true,
            false,
        ),
        (
            Selector {
                label: Some("l".into()),
                serial: Some("x".into()),
                ..base()
            },
            false,
            false,
        ),
        (
            Selector {
                uri: Some("pkcs11:serial=s".parse().unwrap()),
                ..base()
            },
            true,
            false,
        ),
    ];
    for (selector, with, without) in cases {
        assert_eq!(selector.matches(2, &slot), with, "{selector}");
        assert_eq!(selector.matches(2, &empty), without, "{selector}");
    }
    assert_eq!(base().to_string(), "the first slot with a token");
    let two = Selector {
        slot: Some(1),
        label: Some("l".into()),
        ..base()
    };
    assert_eq!(two.to_string(), "slot 1, label `l`");
}

#[test]
fn fetched_pins_are_redacted() {
    let target = builtin("token: { pin: user-pin, so-pin: \"env:CARGO_PKG_NAME\" }");
    let credentials = target.credentials().unwrap();
    assert_eq!(
        credentials.redactor().text("user-pin p11assay else"),
        "*** *** else"
    );
    assert!(!format!("{credentials:?} {target:?}").contains("user-pin"));
}
