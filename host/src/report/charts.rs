//! Charts as SVG. Colours are classes of the page's style, so that they follow light and dark.

use std::fmt::Write;

use edgewit_statistics::drift::Bin;
use edgewit_statistics::quality::CalibrationBin;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 220.0;
/// Room for the scale at the left and for names below.
const LEFT: f64 = 44.0;
const BELOW: f64 = 26.0;
const ABOVE: f64 = 12.0;

/// Text as HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

struct Svg(String);

impl Svg {
    fn new(height: f64, label: &str) -> Svg {
        Svg(format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{}">"#, escape(label)))
    }

    fn add(&mut self, part: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(part);
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#,
            escape(text)
        ));
    }

    fn bar(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), title: &str) {
        self.add(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2"><title>{}</title></rect>"#,
            escape(title)
        ));
    }

    fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.add(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
    }

    fn path(&mut self, points: &[(f64, f64)]) {
        let points = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
        self.add(format_args!(r#"<polyline class="curve" points="{points}"/>"#));
    }

    fn dot(&mut self, (x, y): (f64, f64), radius: f64, title: &str) {
        self.add(format_args!(
            r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="{radius:.1}"><title>{}</title></circle>"#,
            escape(title)
        ));
    }

    /// Lines across at round values, with these at the left.
    fn scale(&mut self, ticks: &[f64], y: impl Fn(f64) -> f64, name: impl Fn(f64) -> String) {
        for tick in ticks {
            self.line("grid", (LEFT, y(*tick)), (WIDTH, y(*tick)));
            self.text(LEFT - 6.0, y(*tick) + 4.0, "end", &name(*tick));
        }
    }

    fn finish(self) -> String {
        self.0 + "</svg>"
    }
}

fn height(value: f64, most: f64) -> f64 {
    HEIGHT - BELOW - value / most * (HEIGHT - BELOW - ABOVE)
}

fn percent(value: f64) -> String {
    format!("{:.0} %", value * 100.0)
}

/// A value by name for each, the largest first in the reader's eyes: bars to the right, with a line at `limit`.
pub(super) fn ranking(rows: &[(String, f64, bool)], limit: f64) -> String {
    const ROW: f64 = 22.0;
    const NAMES: f64 = 150.0;
    let most = rows.iter().map(|row| row.1).fold(limit * 1.5, f64::max);
    let total = ROW * rows.len() as f64;
    let x = |value: f64| NAMES + value / most * (WIDTH - NAMES - 60.0);
    let mut svg = Svg::new(total + 22.0, "population stability index by feature");
    for (ix, (name, value, drifted)) in rows.iter().enumerate() {
        let y = ROW * ix as f64;
        svg.text(NAMES - 8.0, y + 15.0, "end", name);
        let class = if *drifted { "hot" } else { "now" };
        svg.bar(
            class,
            (NAMES, y + 4.0),
            ((x(*value) - NAMES).max(1.0), ROW - 8.0),
            &format!("{name}: {value:.4}"),
        );
        svg.text(x(*value) + 6.0, y + 15.0, "start", &format!("{value:.3}"));
    }
    svg.line("limit", (x(limit), 0.0), (x(limit), total));
    svg.text(x(limit), total + 15.0, "middle", &format!("drift from {limit}"));
    svg.finish()
}

/// The shares of two distributions by bin, side by side.
pub(super) fn pairs(name: &str, bins: &[Bin]) -> String {
    let shown = bins.iter().filter(|bin| bin.baseline + bin.window > 0).take(24).collect::<Vec<_>>();
    let sum = |of: fn(&Bin) -> u64| bins.iter().map(of).sum::<u64>().max(1) as f64;
    let (before, now) = (sum(|bin| bin.baseline), sum(|bin| bin.window));
    let share = |bin: &Bin| (bin.baseline as f64 / before, bin.window as f64 / now);
    let most = shown.iter().map(|bin| share(bin).0.max(share(bin).1)).fold(0.05, f64::max);
    let ticks = ticks(most);
    let mut svg = Svg::new(HEIGHT, name);
    svg.scale(&ticks, |tick| height(tick, most), percent);
    let step = (WIDTH - LEFT) / shown.len().max(1) as f64;
    let width = (step * 0.4).min(36.0);
    for (ix, bin) in shown.iter().enumerate() {
        let middle = LEFT + step * (ix as f64 + 0.5);
        let (before, now) = share(bin);
        let floor = HEIGHT - BELOW;
        for (class, x, value, what) in
            [("before", middle - width, before, "baseline"), ("now", middle, now, "last rows")]
        {
            let title = format!("{}: {what} {:.1} %", bin.name, value * 100.0);
            svg.bar(class, (x, height(value, most)), (width - 1.0, floor - height(value, most)), &title);
        }
        // As many letters as there is room for.
        let room = (step / 6.2) as usize;
        let label =
            if bin.name.chars().count() <= room { bin.name.clone() } else { shortened(&bin.name, room) };
        svg.text(middle, HEIGHT - 8.0, "middle", &label);
    }
    svg.finish()
}

fn shortened(name: &str, room: usize) -> String {
    name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// Frequencies against probabilities; on the diagonal they are the same.
pub(super) fn reliability(bins: &[CalibrationBin]) -> String {
    let x = |value: f64| LEFT + value * (WIDTH - LEFT - 10.0);
    let y = |value: f64| height(value, 1.0);
    let mut svg = Svg::new(HEIGHT, "what came true against what was said to be likely");
    svg.scale(&[0.0, 0.25, 0.5, 0.75, 1.0], y, percent);
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.text(x(tick), HEIGHT - 8.0, "middle", &percent(tick));
    }
    svg.line("limit", (x(0.0), y(0.0)), (x(1.0), y(1.0)));
    let points = bins.iter().map(|bin| (x(bin.probability), y(bin.frequency))).collect::<Vec<_>>();
    svg.path(&points);
    let most = bins.iter().map(|bin| bin.rows).max().unwrap_or(1).max(1) as f64;
    for (bin, point) in bins.iter().zip(points) {
        let title = format!(
            "said {:.1} %, came {:.1} %, {} rows",
            bin.probability * 100.0,
            bin.frequency * 100.0,
            bin.rows
        );
        svg.dot(point, 3.0 + 5.0 * (bin.rows as f64 / most).sqrt(), &title);
    }
    svg.finish()
}

/// Values in the order of time, each with what it is.
pub(super) fn over_time(name: &str, points: &[(f64, String)], whole: Option<f64>) -> String {
    let values = points.iter().map(|point| point.0);
    let least = whole.map_or(0.0, |_| values.clone().fold(1.0, f64::min));
    let floor = if whole.is_some() { ((least - 0.05) * 10.0).floor().max(0.0) / 10.0 } else { 0.0 };
    let most = whole.unwrap_or_else(|| values.fold(f64::MIN_POSITIVE, f64::max) * 1.1);
    let y = |value: f64| height(value - floor, most - floor);
    let step = (WIDTH - LEFT - 20.0) / points.len().saturating_sub(1).max(1) as f64;
    let mut svg = Svg::new(HEIGHT, name);
    let ticks = (0..=4).map(|ix| floor + (most - floor) * f64::from(ix) / 4.0).collect::<Vec<_>>();
    svg.scale(&ticks, y, |tick| if whole.is_some() { percent(tick) } else { format!("{tick:.3}") });
    let places = points.iter().enumerate().map(|(ix, point)| (LEFT + 10.0 + step * ix as f64, y(point.0)));
    let places = places.collect::<Vec<_>>();
    svg.path(&places);
    for (place, (_, title)) in places.iter().zip(points) {
        svg.dot(*place, 3.5, title);
    }
    svg.finish()
}

/// How many milliseconds how many took, in steps that grow; with lines at quantiles. `sorted` is not empty.
pub(super) fn latency(sorted: &[f64], quantiles: &[(&str, f64)]) -> String {
    const STEPS: usize = 40;
    let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize].max(1e-3);
    let (first, last) = (at(0.001).ln(), at(0.999).ln().max(at(0.001).ln() + 1e-9));
    let mut counts = [0_usize; STEPS];
    for value in sorted {
        let part = (value.max(1e-3).ln() - first) / (last - first);
        counts[((part * STEPS as f64) as usize).min(STEPS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let x = |milliseconds: f64| {
        LEFT + ((milliseconds.max(1e-3).ln() - first) / (last - first)).clamp(0.0, 1.0)
            * (WIDTH - LEFT - 10.0)
    };
    let mut svg = Svg::new(HEIGHT, "how long answers took");
    svg.line("grid", (LEFT, HEIGHT - BELOW), (WIDTH, HEIGHT - BELOW));
    let step = (WIDTH - LEFT - 10.0) / STEPS as f64;
    for (ix, count) in counts.iter().enumerate() {
        let top = ABOVE + 10.0 + (1.0 - *count as f64 / most) * (HEIGHT - BELOW - ABOVE - 10.0);
        let place = (LEFT + step * ix as f64, top);
        svg.bar("now", place, (step - 1.0, HEIGHT - BELOW - top), &format!("{count} requests"));
    }
    for (name, value) in quantiles {
        svg.line("limit", (x(*value), ABOVE), (x(*value), HEIGHT - BELOW));
        svg.text(x(*value), ABOVE - 2.0, "middle", name);
    }
    for part in [0.0, 0.5, 1.0] {
        let value = (first + (last - first) * part).exp();
        let anchor = if part == 1.0 { "end" } else { "middle" };
        svg.text(LEFT + part * (WIDTH - LEFT - 10.0), HEIGHT - 8.0, anchor, &format!("{value:.2} ms"));
    }
    svg.finish()
}

/// Round values from 0 to below `most`, four or five of them.
fn ticks(most: f64) -> Vec<f64> {
    let rough = most / 4.0;
    let unit = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * unit).find(|step| *step >= rough);
    let step = step.unwrap_or(unit * 10.0);
    (0..).map(|ix| step * f64::from(ix)).take_while(|tick| *tick <= most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_almost_to_the_top() {
        assert_eq!(ticks(0.4), [0.0, 0.1, 0.2, 0.30000000000000004, 0.4]);
        assert!((3..=6).contains(&ticks(0.777).len()), "{:?}", ticks(0.777));
    }

    #[test]
    fn a_name_cannot_become_markup() {
        let bin = Bin { name: "<script>\"".into(), baseline: 1, window: 1 };
        let chart = pairs("a & b", &[bin]);
        assert!(!chart.contains("<script>") && chart.contains("a &amp; b"), "{chart}");
    }
}
