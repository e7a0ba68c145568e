//! The page: facts and charts in one HTML file.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use edgewit_statistics::drift::{Baseline, Drift};

use super::charts::{self, escape};
use super::facts::{Facts, VersionFacts};
use crate::records::Quality;

/// Features whose distributions are drawn: those that are the furthest away.
const DRAWN: usize = 6;

/// The page. It loads nothing, and holds no script.
pub fn html(facts: &Facts, now: &str) -> String {
    let mut body = String::new();
    for version in &facts.versions {
        body += &section(facts, version);
    }
    if facts.versions.is_empty() {
        body += "<p>No prediction of this model is recorded for this time.</p>";
    }
    let (model, style) = (escape(&facts.model), include_str!("page.css"));
    format!(
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{model} in use</title><style>{style}</style></head>
<body><main><h1>{model}</h1><p>The model in use, as of {now}</p>{body}
<footer>Made by edgewit {}. Population stability index: Siddiqi 2006; tests: Kolmogorov-Smirnov (exact), Pearson's
chi-square; calibration error: Guo et al. 2017.</footer></main></body></html>
"#,
        env!("CARGO_PKG_VERSION")
    )
}

fn section(facts: &Facts, version: &VersionFacts) -> String {
    let (from, to) = version.span;
    let mut html = format!(
        "<h2>Version {}</h2><p>{} to {}</p>",
        escape(&version.performance.version),
        moment(from),
        moment(to)
    );
    html += &tiles(version);
    html += r#"<div class="cards">"#;
    if let Some((baseline, features, predictions)) = &version.drift {
        html += &drift(facts, baseline, features, predictions);
    } else {
        html +=
            &card("", "Drift", "This version has no baseline; <code>edgewit baseline</code> makes one.", "");
    }
    html += &quality(version);
    html += &latency(version);
    html + "</div>"
}

fn card(class: &str, title: &str, text: &str, inside: &str) -> String {
    format!(r#"<section class="card {class}"><h3>{}</h3><p>{text}</p>{inside}</section>"#, escape(title))
}

fn tiles(version: &VersionFacts) -> String {
    let mut tiles = vec![
        ("", count(version.performance.predictions as u64), "predictions"),
        ("", count(version.performance.labelled as u64), "with known truth"),
    ];
    if let Some((_, features, _)) = &version.drift {
        let drifted = features.iter().filter(|drift| drift.drifted).count();
        let class = if drifted > 0 { "hot" } else { "good" };
        tiles.push((class, format!("{drifted} of {}", features.len()), "features drifted"));
    }
    let part = |value: f64| format!("{:.1} %", value * 100.0);
    match &version.performance.quality {
        Some(Quality::Classification(found)) => {
            tiles.push(("", part(found.accuracy), "accuracy"));
            tiles.push(("", format!("{:.3}", found.f1), "F1"));
            tiles.extend(found.roc_auc.map(|area| ("", format!("{area:.3}"), "ROC AUC")));
            let error = found.calibration.as_ref().map(|calibration| part(calibration.error));
            tiles.extend(error.map(|error| ("", error, "calibration error")));
        }
        Some(Quality::Regression(found)) => {
            tiles.push(("", format!("{:.4}", found.mae), "mean absolute error"));
            tiles.push(("", format!("{:.4}", found.rmse), "RMSE"));
        }
        None => {}
    }
    tiles.extend(
        quantile(&version.latency, 0.99).map(|value| ("", format!("{value:.2} ms"), "p99 of latency")),
    );
    let tile = |(class, value, name): (&str, String, &str)| {
        format!(r#"<div class="tile {class}"><b>{value}</b><span>{name}</span></div>"#)
    };
    format!(r#"<div class="tiles">{}</div>"#, tiles.into_iter().map(tile).collect::<String>())
}

fn drift(facts: &Facts, baseline: &Baseline, features: &[Drift], predictions: &[Drift]) -> String {
    let psi = |drift: &Drift| drift.psi.unwrap_or(0.0);
    let mut ranked = features.iter().collect::<Vec<_>>();
    ranked.sort_by(|one, other| psi(other).total_cmp(&psi(one)));
    let rows = ranked.iter().map(|drift| (drift.name.clone(), psi(drift), drift.drifted)).collect::<Vec<_>>();
    let window = features.first().map_or(0, |drift| drift.window_rows);
    let text = format!(
        "Population stability index of the last {} rows against {} of {}.",
        count(window),
        count(baseline.rows),
        escape(&baseline.source)
    );
    let mut html = card("", "Drift by feature", &text, &charts::ranking(&rows, facts.limits.index));
    let key = r#"<span class="key"><i class="before" style="background:var(--before)"></i>baseline<i style="background:var(--now)"></i>last rows</span>"#;
    for drift in predictions {
        let title = format!("Distribution of the {}", drift.name);
        html += &card(
            "",
            &title,
            &format!("{key} &nbsp; index {:.3}", psi(drift)),
            &charts::pairs(&title, &drift.bins),
        );
    }
    for drift in ranked.iter().take(DRAWN) {
        let text = format!("{key} &nbsp; index {:.3}{}", psi(drift), p_value(drift));
        html += &card("", &drift.name, &text, &charts::pairs(&drift.name, &drift.bins));
    }
    html + &table(&ranked)
}

fn p_value(drift: &Drift) -> String {
    drift.test.map_or_else(String::new, |test| match test.p_value {
        value if value < 1e-4 => ", p &lt; 0.0001".into(),
        value => format!(", p = {value:.4}"),
    })
}

fn table(ranked: &[&Drift]) -> String {
    let heads = [
        "feature",
        "PSI",
        "Jensen-Shannon",
        "test",
        "statistic",
        "p",
        "missing",
        "before",
        "outside or unseen",
    ];
    let mut rows = String::new();
    for drift in ranked {
        let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.4}"));
        let strange = drift.out_of_range_rate.or(drift.unseen_rate);
        let part = |value: f64| format!("{:.1} %", value * 100.0);
        let cells = [
            escape(&drift.name),
            number(drift.psi),
            number(drift.jensen_shannon),
            drift.test.map_or("-", |test| test.name).to_owned(),
            number(drift.test.map(|test| test.statistic)),
            drift.test.map_or_else(|| "-".into(), |test| format!("{:.2e}", test.p_value)),
            part(drift.missing_rate),
            part(drift.baseline_missing_rate),
            strange.map_or_else(|| "-".into(), part),
        ];
        let class = if drift.drifted { "hot" } else { "" };
        let cells = cells.map(|cell| format!("<td>{cell}</td>")).concat();
        // Writing to a String cannot fail.
        let _ = write!(rows, r#"<tr class="{class}">{cells}</tr>"#);
    }
    let heads = heads.map(|head| format!("<th>{head}</th>")).concat();
    let text = "A feature has drifted where the index is large and the test says that it is not chance.";
    card("wide", "Every feature", text, &format!("<table><tr>{heads}</tr>{rows}</table>"))
}

fn quality(version: &VersionFacts) -> String {
    let title = "Quality";
    let Some(quality) = &version.performance.quality else {
        return card(
            "",
            title,
            "The truth about no prediction is known; <code>POST /feedback</code> tells it.",
            "",
        );
    };
    let spans = &version.performance.over_time;
    let points = |value: fn(&Quality) -> f64| {
        let point = |span: &crate::records::Span| {
            let value = value(&span.quality);
            let (rows, from, to) = (span.quality.rows(), moment(span.from), moment(span.to));
            (value, format!("{value:.4}, {rows} rows, {from} to {to}"))
        };
        spans.iter().map(point).collect::<Vec<_>>()
    };
    let text = format!("{} predictions with known truth, in {} spans.", count(quality.rows()), spans.len());
    match quality {
        Quality::Classification(found) => {
            let points = points(|quality| match quality {
                Quality::Classification(found) => found.accuracy,
                Quality::Regression(_) => f64::NAN,
            });
            let mut html =
                card("", "Accuracy over time", &text, &charts::over_time("accuracy", &points, Some(1.0)));
            if let Some(calibration) = &found.calibration {
                let text = "What came true against what was said to be likely; larger dots are more rows.";
                html += &card("", "Calibration", text, &charts::reliability(&calibration.bins));
            }
            html
        }
        Quality::Regression(_) => {
            let points = points(|quality| match quality {
                Quality::Regression(found) => found.mae,
                Quality::Classification(_) => f64::NAN,
            });
            card(
                "",
                "Mean absolute error over time",
                &text,
                &charts::over_time("mean absolute error", &points, None),
            )
        }
    }
}

fn latency(version: &VersionFacts) -> String {
    let sorted = &version.latency;
    let quantiles = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];
    let found = quantiles.iter().filter_map(|(name, part)| Some((*name, quantile(sorted, *part)?)));
    let found = found.collect::<Vec<_>>();
    if found.is_empty() {
        return String::new();
    }
    let told =
        found.iter().map(|(name, value)| format!("{name} {value:.2} ms")).collect::<Vec<_>>().join(", ");
    let text =
        format!("From a request's head to its answer, {} requests: {told}.", count(sorted.len() as u64));
    card("", "Latency", &text, &charts::latency(sorted, &found))
}

fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    sorted.get(((sorted.len().checked_sub(1)?) as f64 * part).round() as usize).copied()
}

/// With a thin space between thousands.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (ix, digit) in digits.chars().enumerate() {
        if ix > 0 && (digits.len() - ix).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// To the minute.
fn moment(micros: i64) -> String {
    let time = UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.get(..16).unwrap_or_default().replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1\u{2009}000", "1\u{2009}234\u{2009}567"]
        );
        assert_eq!(moment(1_700_000_000_000_000), "2023-11-14 22:13");
    }
}
