//! A picture of the predictions: how long Edgewit takes over what onnxruntime-web takes.

use std::fmt::Write;

use crate::report::{Cell, Comparison};

const LEFT: f64 = 250.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 62.0;
const LINE: f64 = 26.0;

/// A bar for each comparison with onnxruntime-web, on a logarithmic axis; left of 1 is faster.
pub(crate) fn svg(comparisons: &[Comparison]) -> String {
    let bars = comparisons.iter().filter(|line| line.beside == crate::sides::WEB);
    let bars = bars.filter_map(|line| Some((line.what.as_str(), line.ratio.figure()?))).collect::<Vec<_>>();
    let ticks = [0.01f64, 0.1, 1.0, 10.0, 100.0];
    let most = |value: f64, (_, ratio): &(&str, f64)| value.max(ratio.log10().abs());
    let reach = bars.iter().fold(1.0, most) * 1.08;
    let x = |ratio: f64| LEFT + (RIGHT - LEFT) * (ratio.log10() / reach + 1.0) / 2.0;
    let bottom = TOP + LINE * bars.len() as f64;

    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" font-family="sans-serif" font-size="13">
<rect width="640" height="{height}" fill="white"/>
<text x="16" y="24" font-size="16" font-weight="bold">Time of a prediction over that of onnxruntime-web</text>
"#,
        height = bottom + 34.0
    );
    for tick in ticks.into_iter().filter(|tick| tick.log10().abs() <= reach) {
        let (x, colour) = (x(tick), if tick == 1.0 { "#444" } else { "#ddd" });
        let _ =
            writeln!(svg, r#"<line x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{bottom}" stroke="{colour}"/>"#);
        let _ = writeln!(
            svg,
            r##"<text x="{x:.1}" y="{:.1}" text-anchor="middle" fill="#666">{tick}</text>"##,
            bottom + 18.0
        );
    }
    let _ = writeln!(
        svg,
        r##"<text x="{:.1}" y="50" text-anchor="end" fill="#666">faster</text>"##,
        x(1.0) - 8.0
    );
    let _ = writeln!(svg, r##"<text x="{:.1}" y="50" fill="#666">slower</text>"##, x(1.0) + 8.0);
    for (number, (what, ratio)) in bars.iter().enumerate() {
        let y = TOP + LINE * number as f64;
        let (start, end) = (x(1.0).min(x(*ratio)), x(1.0).max(x(*ratio)));
        let colour = if *ratio <= 1.0 { "#2a7f62" } else { "#c0503a" };
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{what}</text>"#,
            LEFT - 10.0,
            y + 18.0
        );
        let _ = writeln!(
            svg,
            r#"<rect x="{start:.1}" y="{:.1}" width="{:.1}" height="18" fill="{colour}"/>"#,
            y + 4.0,
            (end - start).max(1.0)
        );
        let label = Cell::Figure(*ratio, crate::report::Unit::Ratio);
        let (x, anchor) = if *ratio <= 1.0 { (x(1.0) + 8.0, "start") } else { (x(1.0) - 8.0, "end") };
        let _ =
            writeln!(svg, r#"<text x="{x:.1}" y="{:.1}" text-anchor="{anchor}">{label}</text>"#, y + 18.0);
    }
    svg + "</svg>\n"
}
