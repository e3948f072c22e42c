//! Figures in the units that people read.

/// A time: `812 ns`, `3.42 µs`, `1.20 ms`, `2.31 s`.
#[must_use]
pub fn time(ns: f64) -> String {
    scaled(ns, &[("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)])
}

/// Operations a second: `950 /s`, `12.3 k/s`, `4.56 M/s`.
#[must_use]
pub fn per_second(rate: f64) -> String {
    scaled(
        rate,
        &[("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6), ("G/s", 1e9)],
    )
}

/// A flow of bytes: `512 B/s`, `3.21 MiB/s`.
#[must_use]
pub fn bytes(rate: f64) -> String {
    const KIB: f64 = 1024.0;
    let units = [
        ("B/s", 1.0),
        ("KiB/s", KIB),
        ("MiB/s", KIB * KIB),
        ("GiB/s", KIB * KIB * KIB),
    ];
    scaled(rate, &units)
}

/// A part of a hundred: `3.2%`, `15%`.
#[must_use]
pub fn percent(part: f64) -> String {
    let hundredths = part * 100.0;
    if hundredths.abs() < 9.95 {
        format!("{hundredths:.1}%")
    } else {
        format!("{hundredths:.0}%")
    }
}

/// Three significant digits in the largest unit that leaves one before the point.
fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    // What rounds to a thousand of one unit is one of the next.
    let fits = |(_, size): &&(&str, f64)| value >= size * 0.9995;
    let (unit, size) = units.iter().rfind(fits).unwrap_or(&units[0]);
    let number = value / size;
    let digits = match number {
        n if n < 9.995 => 2,
        n if n < 99.95 => 1,
        _ => 0,
    };
    format!("{number:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_the_unit_that_fits() {
        assert_eq!(time(0.5), "0.50 ns");
        assert_eq!(time(16.04), "16.0 ns");
        assert_eq!(time(812.4), "812 ns");
        assert_eq!(time(999.7), "1.00 µs");
        assert_eq!(time(12_345.0), "12.3 µs");
        assert_eq!(time(2.314e9), "2.31 s");
        assert_eq!(per_second(950.0), "950 /s");
        assert_eq!(per_second(4_560_000.0), "4.56 M/s");
        assert_eq!(bytes(3.5 * 1024.0 * 1024.0), "3.50 MiB/s");
    }

    #[test]
    fn parts_of_a_hundred() {
        assert_eq!(percent(0.0321), "3.2%");
        assert_eq!(percent(0.15), "15%");
        assert_eq!(percent(-0.02), "-2.0%");
    }
}
