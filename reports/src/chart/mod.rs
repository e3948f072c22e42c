//! Charts as SVG elements of the page: drawn in classes that the style colours, so that they follow light and dark
//! and print; every point tells its value when it is pointed at, and the figures stand in a table below. The chart
//! crates (`plotters`, `charts-rs`) write fixed colours and neither titles nor classes, so only this is our own.

mod scale;

use maud::{Markup, html};

use crate::html::Text;

pub(crate) use scale::{Axis, Scale};

/// Colours of series there are; the style has a class and a form of point for each.
pub(crate) const SERIES: usize = 6;
/// Style of charts.
pub(crate) const STYLE: &str = include_str!("chart.css");

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 250.0;
/// Room on the left, at the top, on the right and below.
const ROOM: [f64; 4] = [58.0, 12.0, 22.0, 42.0];

/// A point, with the ends of its interval where it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) interval: Option<(f64, f64)>,
}

/// Points of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Which colour and form, over all charts of a page.
    pub(crate) number: usize,
    /// From left to right.
    pub(crate) points: Vec<Point>,
}

/// A place on the x axis that something is to be said of.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) x: f64,
    pub(crate) words: String,
}

/// A chart of lines.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// One sentence for those who do not see it.
    pub(crate) description: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// Ticks of the x axis with their words; those of the axis itself if there are none.
    pub(crate) ticks: Vec<(f64, String)>,
    pub(crate) series: Vec<Series>,
    pub(crate) marks: Vec<Mark>,
}

impl Chart {
    /// The figure: the chart, its legend and its table. `id` is unique in the page.
    pub(crate) fn figure(&self, id: &str) -> Markup {
        html! {
            figure.chart {
                figcaption { (Text(&self.title)) }
                (self.svg(id))
                @if self.series.len() > 1 { (legend(self.series.iter().map(|s| (s.number, s.name.as_str())))) }
                @if !self.marks.is_empty() {
                    ul.changes { @for mark in &self.marks { li { (Text(&mark.words)) } } }
                }
                details.data { summary { "Figures" } (self.table()) }
            }
        }
    }

    fn svg(&self, id: &str) -> Markup {
        let all = || self.series.iter().flat_map(|series| &series.points);
        let x = match self.x.log {
            true => Scale::over(all().map(|p| p.x), true),
            false => {
                let fold = |start: f64, of: fn(f64, f64) -> f64| all().map(|p| p.x).fold(start, of);
                Scale::exactly(fold(f64::MAX, f64::min), fold(f64::MIN, f64::max))
            }
        };
        let heights = all().flat_map(|p| {
            [
                p.y,
                p.interval.map_or(p.y, |i| i.0),
                p.interval.map_or(p.y, |i| i.1),
            ]
        });
        let frame = Frame {
            x,
            y: Scale::over(heights, self.y.log),
        };
        let [left, top, right, bottom] = ROOM;
        let (end, foot) = (WIDTH - right, HEIGHT - bottom);
        html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby={ (id) "-t " (id) "-d" } {
                title id={ (id) "-t" } { (Text(&self.title)) }
                desc id={ (id) "-d" } { (Text(&self.description)) }
                @for tick in frame.y.ticks() {
                    @let at = frame.height(tick);
                    line.grid x1=(left) x2=(end) y1=(at) y2=(at) {}
                    text.tick x=(left - 8.0) y=(at + 4.0) text-anchor="end" { (brief((self.y.format)(tick))) }
                }
                @for (tick, words) in self.x_ticks(&frame.x) {
                    @let at = frame.across(tick);
                    line.grid x1=(at) x2=(at) y1=(top) y2=(foot) {}
                    text.tick x=(at) y=(foot + 17.0) text-anchor="middle" { (Text(&words)) }
                }
                line.axis x1=(left) x2=(end) y1=(foot) y2=(foot) {}
                text.label x=(end) y=(HEIGHT - 6.0) text-anchor="end" { (self.x.label) }
                @for mark in &self.marks {
                    @let at = frame.across(mark.x);
                    line.change x1=(at) x2=(at) y1=(top) y2=(foot) { title { (Text(&mark.words)) } }
                }
                @for series in &self.series { (self.drawn(series, &frame)) }
            }
        }
    }

    fn x_ticks(&self, scale: &Scale) -> Vec<(f64, String)> {
        match self.ticks.is_empty() {
            false => self.ticks.clone(),
            true => scale
                .ticks()
                .into_iter()
                .map(|tick| (tick, brief((self.x.format)(tick))))
                .collect(),
        }
    }

    fn drawn(&self, series: &Series, frame: &Frame) -> Markup {
        let places: Vec<String> = series
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", frame.across(point.x), frame.height(point.y)))
            .collect();
        html! {
            g class={ "s" (series.number % SERIES) } {
                polyline points=(places.join(" ")) {}
                @for point in &series.points {
                    g {
                        title { (Text(&self.told(series, point))) }
                        @if let Some((low, high)) = point.interval {
                            @let at = frame.across(point.x);
                            line.interval x1=(at) x2=(at) y1=(frame.height(low)) y2=(frame.height(high)) {}
                        }
                        (form(series.number, frame.across(point.x), frame.height(point.y)))
                    }
                }
            }
        }
    }

    /// `softhsm2, 1 KiB: 3.42 µs`.
    fn told(&self, series: &Series, point: &Point) -> String {
        format!(
            "{}, {}: {}",
            series.name,
            self.column(point.x),
            (self.y.format)(point.y)
        )
    }

    fn column(&self, x: f64) -> String {
        let named = self.ticks.iter().find(|(tick, _)| *tick == x);
        named.map_or_else(|| (self.x.format)(x), |(_, words)| words.clone())
    }

    fn table(&self) -> Markup {
        let mut rows: Vec<f64> = self
            .series
            .iter()
            .flat_map(|s| s.points.iter().map(|p| p.x))
            .collect();
        rows.sort_by(f64::total_cmp);
        rows.dedup();
        html! {
            div.scroll tabindex="0" role="region" aria-label={ "Figures: " (Text(&self.title)) } {
                table {
                    caption.hidden { (Text(&self.title)) ", " (self.y.label) }
                    thead { tr {
                        th scope="col" { (self.x.label) }
                        @for series in &self.series { th.n scope="col" { (Text(&series.name)) } }
                    } }
                    tbody {
                        @for x in rows { tr {
                            th scope="row" { (Text(&self.column(x))) }
                            @for series in &self.series { td.n { (self.cell(series, x)) } }
                        } }
                    }
                }
            }
        }
    }

    fn cell(&self, series: &Series, x: f64) -> String {
        let points = series.points.iter().filter(|point| point.x == x);
        let told = |point: &Point| match point.interval {
            Some((low, high)) => {
                format!(
                    "{} ({} to {})",
                    (self.y.format)(point.y),
                    (self.y.format)(low),
                    (self.y.format)(high)
                )
            }
            None => (self.y.format)(point.y),
        };
        points.map(told).collect::<Vec<_>>().join(", ")
    }
}

/// Where values are in the drawing.
struct Frame {
    x: Scale,
    y: Scale,
}

impl Frame {
    fn across(&self, value: f64) -> f64 {
        let [left, _, right, _] = ROOM;
        tenth(left + self.x.place(value) * (WIDTH - left - right))
    }

    fn height(&self, value: f64) -> f64 {
        let [_, top, _, bottom] = ROOM;
        tenth(HEIGHT - bottom - self.y.place(value) * (HEIGHT - top - bottom))
    }
}

/// To a tenth of a unit, which nobody sees and a page is shorter by.
fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// `1 µs` of `1.00 µs`, and `0` of nothing in any unit.
fn brief(text: String) -> String {
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    match number {
        "0" => number.to_owned(),
        _ => format!("{number} {unit}").trim_end().to_owned(),
    }
}

/// The form of a series' points: told apart without colour, too.
pub(crate) fn form(number: usize, x: f64, y: f64) -> Markup {
    let [left, right, top, foot] = [x - 4.0, x + 4.0, y - 4.0, y + 4.0].map(tenth);
    html! {
        @match number % SERIES {
            0 => circle.point cx=(x) cy=(y) r="3.8" {},
            1 => rect.point x=(tenth(x - 3.4)) y=(tenth(y - 3.4)) width="6.8" height="6.8" {},
            2 => polygon.point points={ (x) "," (tenth(top - 0.5)) " " (right) "," (foot) " " (left) "," (foot) } {},
            3 => polygon.point points={ (x) "," (tenth(top - 1.0)) " " (tenth(right + 1.0)) "," (y) " " (x) "," (tenth(foot + 1.0)) " " (tenth(left - 1.0)) "," (y) } {},
            4 => polygon.point points={ (left) "," (top) " " (right) "," (top) " " (x) "," (tenth(foot + 0.5)) } {},
            _ => circle.point.ring cx=(x) cy=(y) r="3.6" {},
        }
    }
}

/// Which form and colour is whose.
pub(crate) fn legend<'n>(names: impl Iterator<Item = (usize, &'n str)>) -> Markup {
    html! {
        ul.key {
            @for (number, name) in names {
                li {
                    svg viewBox="0 0 26 14" aria-hidden="true" {
                        g class={ "s" (number % SERIES) } { polyline points="0,7 26,7" {} (form(number, 13.0, 7.0)) }
                    }
                    (Text(name))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
