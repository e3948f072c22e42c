//! A battery for threads: what happens in one while another works.

use std::collections::BTreeSet;
use std::ptr::null_mut;
use std::sync::Barrier;
use std::time::Duration;

use cryptoki_sys::*;

use crate::stage::Stage;
use crate::support::{RO, RW, SLOT, plain};

/// Eight threads that open sessions together: whether all handles differ.
fn openers(stage: &Stage) {
    let barrier = Barrier::new(8);
    let open = || {
        let function = stage
            .list
            .C_OpenSession
            .expect("every function has an entry");
        let open_one = |_| {
            let mut session = 0;
            // SAFETY: the place of a handle is live.
            unsafe { function(SLOT, RO, null_mut(), None, &mut session) };
            session
        };
        barrier.wait();
        (0..20).map(open_one).collect::<Vec<_>>()
    };
    let handles: Vec<CK_SESSION_HANDLE> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        let results = threads.into_iter().map(|thread| thread.join());
        results.flat_map(Result::unwrap_or_default).collect()
    });
    let distinct = handles.iter().collect::<BTreeSet<_>>().len();
    stage.say(format_args!("{distinct} sessions"));
}

/// Two threads that digest data of their own at the same time: how many digests each gets of it.
fn digesters(stage: &Stage) {
    let barrier = Barrier::new(2);
    let sessions = [stage.open(RO), stage.open(RO)];
    let functions = (stage.list.C_DigestInit, stage.list.C_Digest);
    let (Some(init), Some(digest)) = functions else {
        return;
    };
    let barrier = &barrier;
    let digests = |session, data: u8| {
        let digest_one = move |_| {
            let (mut mechanism, mut found) = (plain(CKM_SHA256), [0; 32]);
            let mut length = found.len() as CK_ULONG;
            barrier.wait();
            // SAFETY: mechanism, data and the place of the digest are live.
            unsafe {
                init(session, &mut mechanism);
                digest(session, input!([data]), 1, found.as_mut_ptr(), &mut length);
            }
            found
        };
        move || (0..20).map(digest_one).collect::<BTreeSet<_>>().len()
    };
    std::thread::scope(|scope| {
        let threads = [(sessions[0], 1), (sessions[1], 2)];
        let threads = threads.map(|(session, data)| scope.spawn(digests(session, data)));
        for thread in threads {
            let count = thread.join().unwrap_or_default();
            stage.say(format_args!("{count} digests of one byte"));
        }
    });
    sessions.iter().for_each(|session| stage.close(*session));
}

/// A long digest in one thread whose session another closes.
fn closer(stage: &Stage) {
    let data = vec![0; 64 << 20];
    for _ in 0..6 {
        let barrier = Barrier::new(2);
        let session = stage.open(RO);
        let mut mechanism = plain(CKM_SHA256);
        play!(stage, C_DigestInit(session, &mut mechanism));
        let update = stage
            .list
            .C_DigestUpdate
            .expect("every function has an entry");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                // SAFETY: the data is live.
                unsafe { update(session, input!(data), data.len() as CK_ULONG) }
            });
            barrier.wait();
            std::thread::sleep(Duration::from_millis(2));
            stage.close(session);
        });
    }
}

pub(super) fn threads() {
    let stage = Stage::ready();
    openers(&stage);
    digesters(&stage);
    closer(&stage);
    let (one, other) = (stage.user(RW), stage.open(RO));
    let mut mechanism = plain(CKM_SHA256);
    play!(stage, C_DigestInit(other, &mut mechanism));
    play!(stage, C_Logout(one));
}
