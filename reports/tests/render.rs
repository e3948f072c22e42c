//! The facade: no result is lost to a path, no reader sees half a report.

mod common;

use common::{every_kind, run};
use p11assay_reports::render::{Format, RenderError, ensure_writable, render};
use std::fs;

#[test]
fn every_format_replaces_a_file_and_leaves_no_other() {
    let evidence = run(every_kind(), &[]);
    for (format, name) in Format::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        fs::write(&path, "old").unwrap();
        ensure_writable(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(name.parse(), Ok(format));
        let written = render(&evidence, format, &path).unwrap();
        assert_eq!(written, std::slice::from_ref(&path));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("second-init-while-active"), "{name}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{name}");
    }
    assert!(
        "pdf"
            .parse::<Format>()
            .unwrap_err()
            .to_string()
            .contains("junit")
    );
}

#[test]
fn unusable_paths_are_told_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let missing = ensure_writable(&folder.path().join("none/out.xml"));
    assert!(matches!(missing, Err(RenderError::NoFolder(_))));
    assert!(!folder.path().join("none").exists());
    let is_folder = ensure_writable(folder.path());
    assert!(matches!(is_folder, Err(RenderError::IsFolder(_))));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let below_a_file = ensure_writable(&file.join("out.xml"));
    assert!(matches!(below_a_file, Err(RenderError::NoFolder(_))));
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_reports_are_readable_by_others() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (link, file) = (folder.path().join("link"), folder.path().join("file"));
    fs::write(&file, "old").unwrap();
    symlink(&file, &link).unwrap();
    render(&run(Vec::new(), &[]), Format::Json, &link).unwrap();
    assert!(link.is_symlink());
    assert_ne!(fs::read_to_string(&file).unwrap(), "old");
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&file), mode(&plain));
}

#[cfg(unix)]
#[test]
fn a_device_is_written_to_and_not_replaced() {
    let path = std::path::Path::new("/dev/null");
    ensure_writable(path).unwrap();
    render(&run(Vec::new(), &[]), Format::Json, path).unwrap();
    assert!(!fs::metadata(path).unwrap().is_file());
}

#[test]
fn the_json_document_has_what_its_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let evidence = run(every_kind(), &["functions/C_Sign/late"]);
    render(&evidence, Format::Json, &path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let at = |pointer: &str| {
        document
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer}"))
    };
    assert_eq!(at("/format"), 1);
    assert_eq!(at("/run/seed"), 42);
    assert_eq!(at("/run/exit_code"), 1);
    assert_eq!(at("/run/interrupted/by"), "SIGINT");
    assert_eq!(at("/target/name"), "softhsm2");
    assert_eq!(at("/plan/cases"), 12);
    assert_eq!(at("/counts/verdicts/deviation"), 2);
    assert_eq!(at("/counts/waived/deviation"), 1);
    assert_eq!(at("/counts/not_executed"), 1);
    assert_eq!(at("/cases/1/verdict"), "deviation");
    assert_eq!(at("/remaining/0"), "functions/C_Sign/late");
}
