//! `edgewit predict`: rows in, predictions out, without a server.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use edgewit_core::RowSchema;
use serde_json::{Map, Value};

use super::Workshop;
use crate::config::CacheArgs;
use crate::pack::source::Source;
use crate::pack::{self, PREDICTOR};
use crate::runtime::{Instance, Limits, Loader, Program};
use crate::serving::answer;
use crate::table;

/// Predict one row, or a file of rows.
#[derive(Debug, Args)]
pub(super) struct PredictArgs {
    /// A packed component, a model's folder, or an ONNX file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Rows: a .csv file with a header, or JSON (an object, a list, {"instances": [..]}, or an
    /// object a line); `-` reads JSON from standard input.
    #[arg(value_name = "FILE", required_unless_present = "row")]
    rows: Option<PathBuf>,
    /// One row as a JSON object.
    #[arg(long, value_name = "JSON", conflicts_with = "rows")]
    row: Option<String>,
    /// How to print: json (an object a line) or csv.
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    #[command(flatten)]
    cache: CacheArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Json,
    Csv,
}

/// Rows in one call; bounds the memory of a long file.
const CHUNK: usize = 1000;

pub(super) fn run(args: PredictArgs) -> Result<ExitCode> {
    let workshop = Workshop::open(&args.cache)?;
    let mut instance = open(&workshop, &args.model)?;
    let schema = RowSchema::new(&instance.metadata()?)?;
    let rows = read(&args, &schema)?;
    ensure!(!rows.is_empty(), "there is no row");

    let mut printer = Printer::new(args.format, std::io::stdout().lock());
    for (ix, chunk) in rows.chunks(CHUNK).enumerate() {
        let answers = answer(&mut instance, &schema, chunk.to_vec())
            .with_context(|| format!("in rows {} to {}", ix * CHUNK, ix * CHUNK + chunk.len() - 1))?;
        answers.iter().try_for_each(|answer| printer.print(answer))?;
    }
    printer.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn open(workshop: &Workshop, model: &Path) -> Result<Instance> {
    let limits = Limits::packing();
    if model.extension().is_some_and(|extension| extension == "wasm") {
        let component = std::fs::read(model).with_context(|| model.display().to_string())?;
        return Ok(Program::new(&workshop.engine, &workshop.compiled, &component)?.instantiate(&limits)?);
    }
    let source = Source::read(model)?;
    let loader = Loader::new(&workshop.engine, &workshop.compiled, PREDICTOR)?;
    Ok(pack::load(&loader, &source, &limits)?.instance)
}

fn read(args: &PredictArgs, schema: &RowSchema) -> Result<Vec<Map<String, Value>>> {
    if let Some(row) = &args.row {
        return table::json(row.as_bytes()).context("--row");
    }
    let path = args.rows.as_deref().unwrap_or(Path::new("-"));
    let mut bytes = vec![];
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    }
    let csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if !csv {
        return table::json(&bytes).with_context(|| path.display().to_string());
    }
    let table = table::csv(&bytes, schema).with_context(|| path.display().to_string())?;
    if !table.unused.is_empty() {
        eprintln!("not features of the model, left out: {}", table.unused.join(", "));
    }
    Ok(table.rows)
}

/// Prints answers as they come.
enum Printer<W: Write> {
    Json(W),
    Csv { out: Box<csv::Writer<W>>, header: bool },
}

impl<W: Write> Printer<W> {
    fn new(format: Format, out: W) -> Printer<W> {
        match format {
            Format::Json => Printer::Json(out),
            Format::Csv => Printer::Csv { out: Box::new(csv::Writer::from_writer(out)), header: false },
        }
    }

    fn print(&mut self, answer: &Value) -> Result<()> {
        match self {
            Printer::Json(out) => writeln!(out, "{answer}")?,
            Printer::Csv { out, header } => {
                let cells = table::cells(answer);
                if !std::mem::replace(header, true) {
                    out.write_record(cells.iter().map(|(name, _)| name))?;
                }
                out.write_record(cells.iter().map(|(_, text)| text))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        match self {
            Printer::Json(mut out) => out.flush()?,
            Printer::Csv { mut out, .. } => out.flush()?,
        }
        Ok(())
    }
}
