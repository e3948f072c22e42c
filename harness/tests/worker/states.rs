//! The audit of process-wide state: each change is named, and put back where that is possible.

use crate::kit::{changes, end, response, run, send, spawn};
use p11assay::worker::{Disposition, StateChange, VariableChange, Worker};
use p11assay_reports::evidence::End;

crate::tests![
    a_good_module_changes_nothing,
    replaced_signal_handlers_are_told_and_put_back,
    blocked_signals_are_told_and_put_back,
    a_changed_folder_is_told_and_put_back,
    a_changed_umask_is_told_and_put_back,
    closed_streams_are_told,
    a_descriptor_left_open_is_told,
    a_changed_environment_is_told_without_values,
    a_changed_locale_is_told,
];

/// What the audit finds after `C_GetInfo` misbehaved, and what is left once it was put back.
fn audit(behaviour: &str) -> (Vec<StateChange>, Vec<StateChange>) {
    let mut options = crate::kit::options(&format!("C_GetInfo:{behaviour}"));
    options
        .environment
        .insert("HOSTILE_REMOVE_ME".into(), "x".into());
    let mut worker = Worker::spawn(&options).expect("a worker");
    let first = changes(&send(&mut worker, &["C_Initialize", "C_GetInfo", "audit"]));
    let second = changes(&send(&mut worker, &["audit"]));
    (first, second)
}

fn a_good_module_changes_nothing() {
    assert_eq!(audit(""), (vec![], vec![]));
}

fn replaced_signal_handlers_are_told_and_put_back() {
    let (found, left) = audit("replace-handler");
    let signal = |name: &str, from, to| StateChange::Signal {
        signal: name.to_owned(),
        from,
        to,
    };
    use Disposition::{Default, Handled, Ignored};
    let expected = [
        signal("SIGUSR1", Default, Handled),
        signal("SIGSEGV", Handled, Handled),
        signal("SIGPIPE", Ignored, Default),
    ];
    assert_eq!(found, expected);
    assert_eq!(left, []);
    let hostile = "C_GetInfo:replace-handler,C_Finalize:segv-read";
    let reply = run(hostile, &["C_GetInfo", "audit", "C_Finalize"]);
    assert!(matches!(end(&reply), End::Signal { frames, .. } if !frames.is_empty()));
}

fn blocked_signals_are_told_and_put_back() {
    let (found, left) = audit("block-signals");
    let blocked = StateChange::SignalMask {
        blocked: vec!["SIGSEGV".to_owned(), "SIGTERM".to_owned()],
        unblocked: vec![],
    };
    assert_eq!((found, left), (vec![blocked], vec![]));
}

fn a_changed_folder_is_told_and_put_back() {
    let (found, left) = audit("chdir");
    assert!(matches!(&found[..], [StateChange::Directory { to, .. }] if to.as_os_str() == "/"));
    assert_eq!(left, []);
}

fn a_changed_umask_is_told_and_put_back() {
    let (found, left) = audit("umask");
    assert!(matches!(found[..], [StateChange::Umask { to: 0, .. }]));
    assert_eq!(left, []);
}

fn closed_streams_are_told() {
    let (found, left) = audit("close-stdio");
    let closed = [0, 1, 2].map(|fd| StateChange::DescriptorClosed { fd });
    assert_eq!(found, closed);
    assert_eq!(left, closed, "cannot be put back");
}

fn a_descriptor_left_open_is_told() {
    let (found, _) = audit("leak-fd");
    let [opened] = &found[..] else {
        panic!("not one change: {found:?}");
    };
    assert!(opened.is_informational());
    assert!(opened.to_string().ends_with("was left open on /dev/zero"));
}

fn a_changed_environment_is_told_without_values() {
    let (found, _) = audit("setenv");
    let variable = |name: &str, change| StateChange::Environment {
        name: name.to_owned(),
        change,
    };
    let expected = [
        variable("HOSTILE_REMOVE_ME", VariableChange::Removed),
        variable("HOSTILE_ADDED", VariableChange::Added),
    ];
    assert_eq!(found, expected);
    assert!(!format!("{found:?}").contains("secret"));
}

fn a_changed_locale_is_told() {
    let (found, _) = audit("setlocale");
    let [StateChange::Locale { from, to }] = &found[..] else {
        panic!("not one change: {found:?}");
    };
    assert_eq!(from, "C");
    assert!(to.contains("UTF-8"));
    let mut worker = spawn("");
    assert_eq!(response(&send(&mut worker, &["audit"])), "");
}
