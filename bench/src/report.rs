//! What was measured: tables of figures with units, as Markdown for people and JSON for programs.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use serde::{Serialize, Serializer};
use serde_json::json;

/// What a figure counts, in its base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Seconds,
    Bytes,
    PerSecond,
    /// A quotient of two figures.
    Ratio,
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    Figure(f64, Unit),
    /// Why there is no figure.
    Absent(String),
}

/// A table with its title and how it was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// One figure of Edgewit's beside that of a peer, or of Edgewit's own.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Comparison {
    pub(crate) what: String,
    pub(crate) edgewit: Cell,
    pub(crate) beside: String,
    pub(crate) peer: Cell,
    /// Edgewit's figure over the other one.
    pub(crate) ratio: Cell,
}

/// Everything of one run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) tables: Vec<Table>,
    pub(crate) faults: Vec<String>,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    pub(crate) fn absent(reason: impl Into<String>) -> Cell {
        Cell::Absent(reason.into())
    }

    pub(crate) fn figure(&self) -> Option<f64> {
        match self {
            Cell::Figure(value, _) => Some(*value),
            _ => None,
        }
    }

    /// This figure over `other`; absent where either is.
    pub(crate) fn over(&self, other: &Cell) -> Cell {
        match (self, other) {
            (Cell::Figure(value, _), Cell::Figure(of, _)) => Cell::Figure(value / of, Unit::Ratio),
            (Cell::Absent(reason), _) | (_, Cell::Absent(reason)) => Cell::Absent(reason.clone()),
            _ => Cell::text(""),
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Text(text) => json!(text),
            Cell::Figure(value, unit) => json!({"value": value, "unit": unit}),
            Cell::Absent(reason) => json!({"absent": reason}),
        }
        .serialize(serializer)
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cell::Text(text) => f.write_str(text),
            Cell::Absent(_) => f.write_str("-"),
            Cell::Figure(value, unit) => {
                let (scaled, suffix) = unit.scale(*value);
                write!(f, "{}{suffix}", three_digits(scaled))
            }
        }
    }
}

impl Unit {
    /// The value in the multiple of the unit that reads best.
    fn scale(self, value: f64) -> (f64, &'static str) {
        let steps: &[(f64, &str)] = match self {
            Unit::Seconds => &[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs")],
            Unit::Bytes => &[(1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B")],
            Unit::PerSecond => &[(1.0, " /s")],
            Unit::Ratio => &[(1.0, "")],
        };
        let fits = steps.iter().find(|(step, _)| value.abs() >= *step).or(steps.last());
        fits.map_or((value, ""), |(step, suffix)| (value / step, suffix))
    }
}

/// At least three digits, with no more decimals than that takes.
fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        value if value >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

impl Comparison {
    pub(crate) fn new(what: impl Into<String>, edgewit: Cell, beside: impl Into<String>, peer: Cell) -> Self {
        let ratio = edgewit.over(&peer);
        Comparison { what: what.into(), edgewit, beside: beside.into(), peer, ratio }
    }

    /// A figure that stands alone.
    pub(crate) fn alone(what: impl Into<String>, edgewit: Cell) -> Self {
        Comparison {
            what: what.into(),
            edgewit,
            beside: String::new(),
            peer: Cell::text(""),
            ratio: Cell::text(""),
        }
    }
}

impl Report {
    /// The report as Markdown, the summary first.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("# Edgewit beside its peers\n\n");
        for (name, value) in &self.environment {
            let _ = writeln!(text, "- {name}: {value}");
        }
        for fault in &self.faults {
            let _ = writeln!(text, "- **failed**: {fault}");
        }
        let rows = self.comparisons.iter().map(|line| {
            vec![
                Cell::text(&line.what),
                line.edgewit.clone(),
                Cell::text(&line.beside),
                line.peer.clone(),
                line.ratio.clone(),
            ]
        });
        let summary = Table {
            title: "Summary".into(),
            note: "The ratio is Edgewit's figure over the other one. Everything was measured in this run, on this \
                   machine."
                .into(),
            columns: ["what", "Edgewit", "beside", "", "ratio"].map(Into::into).to_vec(),
            rows: rows.collect(),
        };
        summary.write(&mut text);
        self.tables.iter().for_each(|table| table.write(&mut text));
        text
    }

    /// Writes report.md, report.json and report.svg to `folder`.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join("report.md"), self.markdown())?;
        std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)? + "\n")?;
        std::fs::write(folder.join("report.svg"), crate::plot::svg(&self.comparisons))?;
        Ok(())
    }
}

impl Table {
    /// The columns are padded, so that the Markdown reads as a table on a terminal, too.
    fn write(&self, text: &mut String) {
        let cells = self.rows.iter().map(|row| row.iter().map(Cell::to_string).collect::<Vec<_>>());
        let cells = cells.collect::<Vec<_>>();
        let width = |column: usize| {
            let lengths = cells.iter().filter_map(|row| Some(row.get(column)?.chars().count()));
            lengths.chain([self.columns[column].chars().count(), 3]).max().unwrap_or(3)
        };
        let widths = (0..self.columns.len()).map(width).collect::<Vec<_>>();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
        };
        let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>();
        let _ =
            write!(text, "\n## {}\n\n{}\n\n{}{}", self.title, self.note, line(&self.columns), line(&rule));
        cells.iter().for_each(|row| text.push_str(&line(row)));
        let mut absent = self
            .rows
            .iter()
            .flat_map(|row| {
                row.iter().zip(&self.columns).filter_map(move |(cell, column)| {
                    let Cell::Absent(reason) = cell else { return None };
                    Some(format!("{}, {column}: {reason}", row[0]))
                })
            })
            .collect::<Vec<_>>();
        absent.dedup();
        if !absent.is_empty() {
            text.push('\n');
            absent.iter().for_each(|reason| {
                let _ = writeln!(text, "- {reason}");
            });
        }
    }
}

/// The middle one of some figures; of an even number the mean of the two.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures.len().saturating_sub(1) / 2, figures.len() / 2);
    (figures[low] + figures[high]) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_written_in_the_multiple_that_reads_best() {
        let check = |value, unit, expect: &str| assert_eq!(Cell::Figure(value, unit).to_string(), expect);
        check(0.000_004_56, Unit::Seconds, "4.56 µs");
        check(0.027_51, Unit::Seconds, "27.5 ms");
        check(14.0, Unit::Seconds, "14.0 s");
        check(2e-7, Unit::Seconds, "0.200 µs");
        check(12_400_000.0, Unit::Bytes, "12.4 MB");
        check(14_312.4, Unit::PerSecond, "14312 /s");
        check(0.45, Unit::Ratio, "0.450");
    }

    #[test]
    fn a_ratio_says_why_it_is_absent() {
        let absent = Cell::absent("no Node");
        assert_eq!(Cell::Figure(1.0, Unit::Seconds).over(&absent), absent);
        let two = Cell::Figure(2.0, Unit::Seconds).over(&Cell::Figure(4.0, Unit::Seconds));
        assert_eq!(two, Cell::Figure(0.5, Unit::Ratio));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn reasons_stand_below_the_table() {
        let table = Table {
            title: "T".into(),
            note: "N.".into(),
            columns: vec!["model".into(), "web".into()],
            rows: vec![vec![Cell::text("mlp"), Cell::absent("no Node")]],
        };
        let mut text = String::new();
        table.write(&mut text);
        assert_eq!(
            text,
            "\n## T\n\nN.\n\n| model | web |\n| ----- | --- |\n| mlp   | -   |\n\n- mlp, web: no Node\n"
        );
    }
}
