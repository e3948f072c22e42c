//! Modules side by side: a row for each benchmark, with its medians as points on one scale and as figures.

use maud::{Markup, html};

use super::{families, ids, of, short};
use crate::bench::{Estimate, Run, time};
use crate::chart::{SERIES, Scale, form, legend};
use crate::html::Text;

/// Width and height of the drawing in a row.
const STRIP: (f64, f64) = (240.0, 18.0);

pub(super) fn by_side(benches: &[&Run], labels: &[String]) -> Markup {
    let ids = ids(benches, |measured| measured.latency.is_some());
    html! {
        h3 id="side" { "Time of one operation" }
        p.soft {
            "Medians with the interval that they lie in with a confidence of 95%. The scale is logarithmic, from left to right; "
            "less is faster."
        }
        @if benches.len() > 1 { (legend(labels.iter().enumerate().map(|(n, label)| (n, label.as_str())))) }
        @for (name, ids) in families(&ids) { (family(name, &ids, benches, labels)) }
    }
}

fn family(name: &str, ids: &[&str], benches: &[&Run], labels: &[String]) -> Markup {
    let medians: Vec<Vec<Option<Estimate>>> = ids
        .iter()
        .map(|id| benches.iter().map(|run| median(run, id)).collect())
        .collect();
    let ends = medians
        .iter()
        .flatten()
        .flatten()
        .flat_map(|m| [m.value, m.low, m.high]);
    let scale = Scale::over(ends, true);
    html! {
        details.family open {
            summary { (Text(name)) span.soft { " " (ids.len()) } }
            div.scroll tabindex="0" role="region" aria-label={ "Times: " (Text(name)) } {
                table.times {
                    caption.hidden { "Time of one operation: " (Text(name)) }
                    thead { tr {
                        th scope="col" { "benchmark" }
                        th.strip aria-hidden="true" { (ticks(&scale)) }
                        @for label in labels { th.n scope="col" { (Text(label)) } }
                        @if benches.len() > 1 { th.n scope="col" { "slowest / fastest" } }
                    } }
                    tbody {
                        @for (id, medians) in ids.iter().zip(&medians) { tr {
                            th.code scope="row" { (Text(short(id))) }
                            td.strip aria-hidden="true" { (strip(&scale, medians)) }
                            @for median in medians { td.n { (figure(median, medians)) } }
                            @if benches.len() > 1 { td.n { (ratio(medians)) } }
                        } }
                    }
                }
            }
        }
    }
}

fn median(run: &Run, id: &str) -> Option<Estimate> {
    Some(of(run, id)?.latency.as_ref()?.median)
}

fn across(scale: &Scale, value: f64) -> f64 {
    (6.0 + scale.place(value) * (STRIP.0 - 12.0)).round()
}

fn ticks(scale: &Scale) -> Markup {
    let all = scale.ticks();
    let step = all.len().div_ceil(3).max(1);
    html! {
        svg viewBox={ "0 0 " (STRIP.0) " " (STRIP.1) } {
            @for tick in all.into_iter().step_by(step) {
                @let at = across(scale, tick);
                text x=(at) y="13" text-anchor={ @if at < 30.0 { "start" } @else if at > STRIP.0 - 30.0 { "end" } @else { "middle" } } {
                    (time(tick).replace(".00", "").replace(".0 ", " "))
                }
            }
        }
    }
}

fn strip(scale: &Scale, medians: &[Option<Estimate>]) -> Markup {
    let middle = STRIP.1 / 2.0;
    let here: Vec<(usize, Estimate)> = medians
        .iter()
        .enumerate()
        .filter_map(|(place, median)| Some((place, (*median)?)))
        .collect();
    let ends = here.iter().map(|(_, median)| across(scale, median.value));
    let (low, high) = ends.fold((STRIP.0, 0.0), |(low, high), at| {
        (at.min(low), at.max(high))
    });
    html! {
        svg viewBox={ "0 0 " (STRIP.0) " " (STRIP.1) } {
            @for tick in scale.ticks() {
                @let at = across(scale, tick);
                line.grid x1=(at) x2=(at) y1="0" y2=(STRIP.1) {}
            }
            @if high > low { line.span x1=(low) x2=(high) y1=(middle) y2=(middle) {} }
            @for (place, median) in here {
                g class={ "s" (place % SERIES) } {
                    line.interval x1=(across(scale, median.low)) x2=(across(scale, median.high)) y1=(middle) y2=(middle) {}
                    (form(place, across(scale, median.value), middle))
                }
            }
        }
    }
}

fn figure(median: &Option<Estimate>, all: &[Option<Estimate>]) -> Markup {
    let Some(median) = median else {
        return html! { span.soft { "n/a" } };
    };
    let known = || all.iter().flatten();
    let fastest = known().count() > 1 && known().all(|other| other.value >= median.value);
    let half = (median.high - median.low) / 2.0;
    html! {
        @if fastest { b { (time(median.value)) } span.hidden { " fastest" } } @else { (time(median.value)) }
        @if median.value > 0.0 && half > 0.0 { span.soft { " ±" (crate::bench::percent(half / median.value)) } }
    }
}

fn ratio(medians: &[Option<Estimate>]) -> String {
    let values: Vec<f64> = medians
        .iter()
        .flatten()
        .map(|median| median.value)
        .filter(|v| *v > 0.0)
        .collect();
    let fold = |of: fn(f64, f64) -> f64| values.iter().copied().reduce(of);
    match (values.len(), fold(f64::min), fold(f64::max)) {
        (2.., Some(least), Some(most)) => match most / least {
            ratio if ratio < 99.5 => format!("{ratio:.2}"),
            ratio => format!("{ratio:.0}"),
        },
        _ => "-".to_owned(),
    }
}
