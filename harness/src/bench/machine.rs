//! Facts of the machine that times depend on, as Linux tells them.

use std::path::Path;

use p11assay_reports::bench::Machine;

/// Load for each core above which times are those of a busy machine.
const BUSY: f64 = 0.5;

/// The facts, load as it is now.
#[must_use]
pub fn facts() -> Machine {
    let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
    let uname = rustix::system::uname();
    Machine {
        system: format!(
            "{} {} {}",
            uname.sysname().to_string_lossy(),
            uname.release().to_string_lossy(),
            uname.machine().to_string_lossy()
        ),
        cpu: field(&cpuinfo, "model name")
            .unwrap_or("an unknown processor")
            .to_owned(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        clock: read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        virtual_machine: field(&cpuinfo, "flags")
            .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        load_before: load().unwrap_or_default(),
        load_after: None,
        unoptimized: cfg!(debug_assertions),
    }
}

/// Processes that wanted to run, mean of the last minute.
#[must_use]
pub fn load() -> Option<f64> {
    read("/proc/loadavg")?.split(' ').next()?.parse().ok()
}

/// What of the facts makes times doubtful; `linked` if the module is part of this program.
#[must_use]
pub fn doubts(machine: &Machine, linked: bool) -> Vec<String> {
    let mut doubts = Vec::new();
    // What was measured is itself a load of one.
    let busy = BUSY * machine.cores as f64;
    if machine.load_before > busy {
        doubts.push(format!(
            "the machine was busy before: a load of {:.1} on {} cores",
            machine.load_before, machine.cores
        ));
    }
    if let Some(governor) = machine
        .governor
        .as_deref()
        .filter(|name| *name != "performance")
    {
        doubts.push(format!(
            "the processor's frequency follows its work (governor {governor})"
        ));
    }
    if machine.unoptimized && linked {
        doubts.push(
            "this program was built without optimisation: times of the built-in token are not those \
             of a release"
                .to_owned(),
        );
    }
    doubts
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim_end().to_owned())
}

/// The value of a field of `/proc/cpuinfo`, of the first processor.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(known, _)| known.trim() == name)?;
    Some(found.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_says_what_it_is() {
        let facts = facts();
        assert!(
            facts.cores > 0 && facts.system.starts_with("Linux"),
            "{facts:?}"
        );
    }

    #[test]
    fn fields_are_read_by_their_whole_name() {
        let text = "model\t\t: 17\nmodel name\t: A Processor 3000\nflags\t: fpu hypervisor\n";
        assert_eq!(field(text, "model name"), Some("A Processor 3000"));
        assert_eq!(field(text, "name"), None);
    }

    #[test]
    fn a_busy_machine_is_doubted() {
        let machine = Machine {
            cores: 2,
            load_before: 3.0,
            governor: Some("powersave".to_owned()),
            ..Machine::default()
        };
        let doubts = doubts(&machine, true);
        assert_eq!(doubts.len(), 2, "{doubts:?}");
        assert!(doubts[0].contains("3.0 on 2 cores"), "{doubts:?}");
    }
}
