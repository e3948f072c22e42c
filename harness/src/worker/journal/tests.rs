use super::*;

fn sample() -> Journal {
    let mut writer = JournalWriter::in_memory(4096, Timing::Off);
    writer.case_begin(7);
    writer.call_begin(1, 20);
    writer.call_end(0);
    writer.output(3, b"nine bytes");
    writer.call_begin(2, 21);
    writer.take_journal()
}

#[test]
fn records_come_back_as_they_were_written() {
    let journal = sample();
    let records: Vec<_> = journal.records().collect();
    let call = |step, function, returned| {
        Record::Call(CallRecord {
            step,
            function,
            start_ns: 0,
            returned,
        })
    };
    let zero = Returned {
        rv: 0,
        duration_ns: 0,
    };
    let mark = CaseMark {
        case: 7,
        stdout: 0,
        stderr: 0,
    };
    let output = Record::Output {
        tag: 3,
        bytes: b"nine bytes",
    };
    let expected = [
        Record::CaseBegin(mark),
        call(1, 20, Some(zero)),
        output,
        call(2, 21, None),
    ];
    assert_eq!(records, expected);
    assert_eq!(journal.corrupted(), None);
    assert!(!journal.is_truncated());
}

#[test]
fn the_call_that_did_not_return_is_in_flight() {
    let open = sample().in_flight();
    let [in_flight] = open[..] else {
        panic!("one call is in flight, not {open:?}");
    };
    assert_eq!(
        (in_flight.case, in_flight.step, in_flight.function),
        (Some(7), 2, 21)
    );
}

#[test]
fn nothing_is_in_flight_once_the_last_call_has_returned() {
    let mut writer = JournalWriter::in_memory(4096, Timing::On);
    writer.call_begin(1, 20);
    writer.call_end(5);
    assert_eq!(writer.take_journal().in_flight(), []);
}

#[test]
fn timing_records_a_start_and_a_duration() {
    let mut writer = JournalWriter::in_memory(4096, Timing::On);
    writer.call_begin(1, 20);
    std::thread::sleep(std::time::Duration::from_millis(2));
    let duration = writer.call_end(5);
    let journal = writer.take_journal();
    let Some(Record::Call(call)) = journal.records().next() else {
        panic!("no call in {journal:?}");
    };
    assert!(call.start_ns > 0);
    assert!(duration >= 2_000_000);
    assert_eq!(call.returned.map(|it| it.duration_ns), Some(duration));
}

#[test]
fn a_full_journal_says_so_and_keeps_what_it_has() {
    let mut writer = JournalWriter::in_memory(3 * CALL_BYTES, Timing::Off);
    for step in 1..=5 {
        writer.call_begin(step, 1);
        writer.call_end(0);
    }
    assert!(!writer.output(1, b"more"));
    let journal = writer.take_journal();
    assert!(journal.is_truncated());
    assert_eq!(journal.corrupted(), None);
    assert_eq!(journal.records().count(), 2);
}

#[test]
fn remaining_counts_down_to_the_last_record_that_fits() {
    let mut writer = JournalWriter::in_memory(CALL_BYTES + RESERVE_BYTES, Timing::Off);
    assert_eq!(writer.remaining(), CALL_BYTES);
    writer.call_begin(1, 1);
    assert_eq!(writer.remaining(), 0);
    assert!(!writer.take_journal().is_truncated());
}

fn words(of: &Journal, offset: usize) -> [u64; 2] {
    [0, 8].map(|next| {
        let bytes = &of.bytes[offset + next..][..8];
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    })
}

const RESERVE_BYTES: usize = HEAD;

/// Whatever byte is overwritten, reading neither panics nor invents records before the damage.
#[test]
fn damage_anywhere_is_reported_or_confined_to_payload() {
    let sound = sample();
    let count = sound.records().count();
    let end = sound.bytes.len();
    let last = extent(end, 0, |at| words(&sound, at)).start;
    for position in 0..end {
        let mut bytes = sound.bytes.clone();
        bytes[position] ^= 0x5a;
        let journal = Journal::new(bytes, 0, last, end as u64);
        let survived = journal.records().count();
        match journal.corrupted() {
            Some(offset) => {
                assert!(offset <= position, "damage at {position} seen at {offset}");
                assert!(survived < count);
            }
            None => assert_eq!(survived, count),
        }
    }
}

#[test]
fn a_false_length_is_damage_but_one_unpublished_record_is_not() {
    let sound = sample();
    let end = sound.bytes.len();
    let last = extent(end, 0, |at| words(&sound, at)).start;
    let with = |written| Journal::new(sound.bytes.clone(), 0, last, written).corrupted();
    assert_eq!(with(last as u64), None);
    assert_eq!(with(0), Some(end));
    assert_eq!(with(u64::MAX), Some(end));
}

#[test]
fn records_of_another_request_do_not_verify() {
    let old = sample();
    assert_eq!(extent(old.bytes.len(), salt(2), |at| words(&old, at)), 0..0);
}

#[test]
fn output_of_a_case_is_cut_at_its_marks_and_at_the_length_there_is() {
    let mut writer = JournalWriter::in_memory(4096, Timing::Off);
    writer.place_mark(Kind::CaseBegin, 1, [0, 0]);
    writer.place_mark(Kind::CaseEnd, 1, [5, 1]);
    writer.place_mark(Kind::CaseBegin, 2, [8, 1]);
    let journal = writer.take_journal();
    let one = journal.output_of(1, 10, 3).expect("case 1");
    assert_eq!((one.stdout, one.stderr), (0..5, 0..1));
    let two = journal.output_of(2, 10, 3).expect("case 2");
    assert_eq!((two.stdout, two.stderr), (8..10, 1..3));
    let short = journal.output_of(2, 4, 0).expect("case 2");
    assert_eq!((short.stdout, short.stderr), (4..4, 0..0));
    assert_eq!(journal.output_of(3, 10, 3), None);
}

/// A writer in whose journal three lanes made calls; the last call of lane 1 did not return.
#[allow(unsafe_code, reason = "the writers of lanes are gone before theirs")]
fn with_lanes(joined: bool) -> (JournalWriter, usize) {
    let mut writer = JournalWriter::in_memory(1 << 20, Timing::Off);
    writer.case_begin(1);
    // SAFETY: used and joined below, before the writer is used again.
    let mut lanes = unsafe { writer.lanes(3, Journaled::Lanes) }.expect("room");
    std::thread::scope(|scope| {
        for (number, lane) in (0..).zip(&mut lanes) {
            scope.spawn(move || {
                for call in 0..10 {
                    lane.call_begin(100 * number + call, number as u16);
                    lane.call_end(u64::from(call));
                    lane.output(1, &call.to_le_bytes());
                }
            });
        }
    });
    let written = lanes[1].remaining();
    if joined {
        writer.join(lanes);
        writer.call_begin(9, 9);
        writer.call_end(9);
    } else {
        lanes[1].call_begin(7, 7);
    }
    (writer, written)
}

#[test]
fn lanes_are_read_one_after_the_other() {
    let journal = with_lanes(true).0.take_journal();
    let steps: Vec<_> = journal
        .records()
        .filter_map(|record| match record {
            Record::Call(call) => Some(call.step),
            _ => None,
        })
        .collect();
    let lane = |number: u32| (0..10).map(move |call| 100 * number + call);
    let expected: Vec<u32> = (0..3).flat_map(lane).chain([9]).collect();
    assert_eq!(steps, expected);
    let lanes = journal.records().filter_map(|record| match record {
        Record::Lane(lane) => Some(lane),
        _ => None,
    });
    assert_eq!(lanes.collect::<Vec<_>>(), [Some(0), Some(1), Some(2), None]);
    assert_eq!((journal.corrupted(), journal.in_flight()), (None, vec![]));
}

#[test]
fn a_call_in_flight_is_known_with_its_lane() {
    let journal = with_lanes(false).0.take_journal();
    let open = journal.in_flight();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].case, open[0].lane, open[0].step),
        (Some(1), Some(1), 7)
    );
    assert_eq!(journal.corrupted(), None);
}

#[test]
fn damage_in_a_lane_is_seen_once_the_lane_has_ended() {
    let mut journal = with_lanes(true).0.take_journal();
    let block = CASE_BYTES;
    // The state of the first call of the first lane.
    journal.bytes[block + HEAD + CALL_BYTES - 8] ^= 1;
    let end = journal.bytes.len();
    let again = Journal::new(journal.bytes, 0, 0, end as u64);
    assert_eq!(again.corrupted(), Some(block));
}

#[test]
#[allow(unsafe_code, reason = "the writers of lanes are gone before theirs")]
fn lanes_need_room_and_have_none_of_their_own() {
    let mut small = JournalWriter::in_memory(8192, Timing::Off);
    // SAFETY: there are no writers.
    assert!(unsafe { small.lanes(4, Journaled::Lanes) }.is_none());
    let mut writer = JournalWriter::in_memory(1 << 20, Timing::Off);
    // SAFETY: as above, or dropped at once.
    let mut lanes = unsafe { writer.lanes(1, Journaled::Lanes) }.expect("room");
    // SAFETY: there are no writers.
    assert!(unsafe { lanes[0].lanes(1, Journaled::Lanes) }.is_none());
}

#[test]
fn a_lane_without_room_left_marks_the_journal_as_truncated() {
    let mut writer = JournalWriter::in_memory(16 << 10, Timing::Off);
    // SAFETY: joined below.
    #[allow(unsafe_code, reason = "the writers of lanes are gone before theirs")]
    let mut lanes = unsafe { writer.lanes(1, Journaled::Lanes) }.expect("room");
    while lanes[0].note(1, &[0; 64]) {}
    writer.join(lanes);
    assert!(writer.take_journal().is_truncated());
}

#[test]
fn of_turns_the_last_one_is_there_and_nothing_of_those_before() {
    let mut writer = JournalWriter::in_memory(4096, Timing::Off);
    writer.case_begin(7);
    // The first turn is longer than the second, whose records begin at the same places.
    for (turn, calls) in [(0, 9), (1, 2)] {
        writer.turn(turn);
        for step in 0..calls {
            writer.call_begin(step, turn as u16);
            writer.call_end(0);
        }
    }
    writer.call_begin(2, 1);
    let journal = writer.take_journal();
    assert_eq!(journal.corrupted(), None);
    let seen = journal.records().filter_map(|record| match record {
        Record::Turn(turn) => Some((turn, None)),
        Record::Call(call) => Some((u32::from(call.function), Some(call.step))),
        _ => None,
    });
    let expected = [(1, None), (1, Some(0)), (1, Some(1)), (1, Some(2))];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert_eq!(journal.in_flight()[0].step, 2);
}

#[test]
fn ten_thousand_turns_fit_a_small_journal() {
    let mut writer = JournalWriter::in_memory(4096, Timing::Off);
    writer.case_begin(0);
    for turn in 0..10_000 {
        writer.turn(turn);
        writer.call_begin(1, 1);
        writer.call_end(0);
        writer.note(1, &[0; 64]);
    }
    writer.case_end(0);
    let journal = writer.take_journal();
    assert!(!journal.is_truncated());
    assert_eq!(journal.corrupted(), None);
    let ended = |record| matches!(record, Record::CaseEnd(_));
    assert!(journal.records().any(ended));
}
