//! From values to places: the ends of an axis and its ticks, linear or by powers of ten.

/// An axis before its ends are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    /// What it shows.
    pub(crate) label: &'static str,
    /// Powers of ten at equal distances, where linear would hide what is small.
    pub(crate) log: bool,
    /// How a value is written.
    pub(crate) format: fn(f64) -> String,
}

/// An axis from one end to the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    log: bool,
    low: f64,
    high: f64,
}

impl Scale {
    /// Over all values: a linear one begins at 0, one of powers ends at halves of a power at least.
    pub(crate) fn over(values: impl Iterator<Item = f64>, log: bool) -> Self {
        let usable = |value: &f64| value.is_finite() && (!log || *value > 0.0);
        let ends = values
            .filter(usable)
            .fold(None, |ends: Option<(f64, f64)>, value| {
                let (low, high) = ends.unwrap_or((value, value));
                Some((low.min(value), high.max(value)))
            });
        let (low, high) = ends.unwrap_or((1.0, 10.0));
        match log {
            true => Self {
                log,
                low: low / 1.25,
                high: high * 1.25,
            },
            false => Self {
                log,
                low: low.min(0.0),
                high: if high > 0.0 { high * 1.05 } else { 1.0 },
            },
        }
    }

    /// From the least to the most of some values, linear, with nothing around them.
    pub(crate) fn exactly(low: f64, high: f64) -> Self {
        let (low, high) = if high > low {
            (low, high)
        } else {
            (low - 1.0, low + 1.0)
        };
        Self {
            log: false,
            low,
            high,
        }
    }

    /// The place of a value, 0 at the low end and 1 at the high one.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let place = match self.log {
            true => (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        place.clamp(0.0, 1.0)
    }

    /// Values to mark, four to eight where there can be.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        if self.log {
            self.powers()
        } else {
            self.rounds()
        }
    }

    fn powers(&self) -> Vec<f64> {
        let exponents = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let within = |tick: &f64| (self.low..=self.high).contains(tick);
        let of = |steps: &[f64]| -> Vec<f64> {
            let all = exponents
                .clone()
                .flat_map(|e| steps.iter().map(move |s| s * 10f64.powi(e)));
            all.filter(within).collect()
        };
        let tens = of(&[1.0]);
        let ticks = match tens.len() {
            0 | 1 => of(&[1.0, 2.0, 5.0]),
            2 => of(&[1.0, 3.0]),
            _ => tens,
        };
        let step = ticks.len().div_ceil(8).max(1);
        ticks.into_iter().step_by(step).collect()
    }

    fn rounds(&self) -> Vec<f64> {
        let rough = (self.high - self.low) / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|n| n * power)
            .into_iter()
            .find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let (first, last) = (
            (self.low / step).ceil() as i64,
            (self.high / step).floor() as i64,
        );
        (first..=last).map(|n| n as f64 * step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_marked_and_finer_ones_where_there_are_few() {
        let wide = Scale::over([100.0, 900_000.0].into_iter(), true);
        assert_eq!(wide.ticks(), [100.0, 1e3, 1e4, 1e5, 1e6]);
        let narrow = Scale::over([100.0, 300.0].into_iter(), true);
        assert_eq!(narrow.ticks(), [100.0, 200.0]);
        assert!((Scale::over([10.0, 1000.0].into_iter(), true).place(100.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_linear_axis_begins_at_nothing() {
        let scale = Scale::over([20.0, 97.0].into_iter(), false);
        assert_eq!(scale.ticks(), [0.0, 50.0, 100.0]);
        assert_eq!(scale.place(0.0), 0.0);
    }

    #[test]
    fn what_is_no_number_bends_no_axis() {
        let scale = Scale::over([f64::NAN, f64::INFINITY, 0.0, -3.0].into_iter(), true);
        assert!(!scale.ticks().is_empty());
        assert!(Scale::exactly(5.0, 5.0).place(5.0) > 0.0);
    }
}
