use super::*;

fn seconds(value: f64) -> String {
    format!("{value:.2} s")
}

fn chart() -> Chart {
    let axis = |label, log| Axis {
        label,
        log,
        format: seconds,
    };
    let point = |x, y, interval| Point { x, y, interval };
    Chart {
        title: "sign <b>".to_owned(),
        description: "Time over size".to_owned(),
        x: axis("size", true),
        y: axis("time", true),
        ticks: vec![(16.0, "16 B".to_owned()), (1024.0, "1 KiB".to_owned())],
        series: vec![
            Series {
                name: "one".to_owned(),
                number: 0,
                points: vec![
                    point(16.0, 2.0, Some((1.5, 2.5))),
                    point(1024.0, 20.0, None),
                ],
            },
            Series {
                name: "</svg>".to_owned(),
                number: 7,
                points: vec![point(16.0, 3.0, None)],
            },
        ],
        marks: vec![Mark {
            x: 16.0,
            words: "since then".to_owned(),
        }],
    }
}

#[test]
fn a_chart_is_named_described_and_has_its_figures_below() {
    let figure = chart().figure("c1").into_string();
    assert!(
        figure.contains("role=\"img\" aria-labelledby=\"c1-t c1-d\""),
        "{figure}"
    );
    assert!(figure.contains("<desc id=\"c1-d\">Time over size</desc>"));
    assert!(figure.contains("<td class=\"n\">2.00 s (1.50 s to 2.50 s)</td>"));
    assert!(figure.contains("<title>one, 1 KiB: 20.00 s</title>"));
    assert!(figure.contains("&lt;/svg&gt;") && !figure.contains("<b>"));
    assert_eq!(figure.matches("<svg").count(), 3, "one chart and two keys");
}

#[test]
fn ticks_are_short() {
    let short = ["1.00 µs", "12.5 ms", "100 ns", "8", "0.00 ns"].map(|text| brief(text.to_owned()));
    assert_eq!(short, ["1 µs", "12.5 ms", "100 ns", "8", "0"]);
}
