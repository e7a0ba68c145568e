//! A model in a page: Edgewit's module and onnxruntime-web in the same Chromium.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use edgewit::pack::description::Description;
use edgewit::web::{Origin, site};
use edgewit_bench::{golden, packed};
use edgewit_tests::browser::Browser;
use edgewit_tests::files::Files;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write;
use xtask::components::root;

use crate::report::{Cell, Comparison, Report, Table, Unit, median};
use crate::setup::{Setup, peer, step};

const SIDES: [&str; 2] = ["Edgewit", "onnxruntime-web"];

/// How long each side predicts in one document: they take turns, a turn is so many predictions.
const TURNS: &str = "
    const { edgewit, ort, feeds, inputs, row, turns, count } = a;
    const ours = await import(edgewit + 'predictor.js');
    const theirs = await import(ort + 'ort.wasm.min.mjs');
    const make = (await import(ort + 'feeds.js')).feeds;
    theirs.env.wasm.numThreads = 1;
    await ours.load();
    const session = await theirs.InferenceSession.create(ort + 'model.onnx');
    const tensors = make(theirs, inputs, row);
    const raw = Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data]));
    const sides = {
        row: [() => ours.predict(row), () => session.run(make(theirs, inputs, row))],
        tensors: [() => ours.infer(raw), () => session.run(tensors)],
    };
    const times = { row: [[], []], tensors: [[], []] };
    for (let turn = -3; turn < turns; turn++) {
        for (const [what, calls] of Object.entries(sides)) {
            for (const [side, call] of calls.entries()) {
                const began = performance.now();
                for (let ix = 0; ix < count; ix++) await call();
                if (turn >= 0) times[what][side].push((performance.now() - began) / count / 1000);
            }
        }
    }
    return times;";

pub(crate) fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let node = match &setup.node {
        Ok(node) => node.join("node_modules/onnxruntime-web/dist"),
        Err(reason) => return absent(report, reason),
    };
    let Some(browser) = Browser::start("en") else {
        return absent(report, "there is no chromium with chromedriver");
    };
    report.environment.push(("browser".into(), format!("Chromium {}", browser.version)));
    drop(browser);
    let mut rows = vec![];
    for name in ["churn", "digits"] {
        let model = if name == "churn" {
            setup.model("churn")
        } else {
            Ok(root().join("models/digits/1/model.onnx"))
        };
        let model = match model {
            Ok(model) => model,
            Err(reason) => return absent(report, &reason),
        };
        let folders = folders(setup, name, &model, &node)?;
        for (what, cells) in measure(setup, name, &folders)? {
            let [ours, theirs] = cells;
            let ratio = ours.over(&theirs);
            report.comparisons.push(Comparison::new(
                format!("page: {name}, {what}"),
                ours.clone(),
                SIDES[1],
                theirs.clone(),
            ));
            rows.push(vec![Cell::text(name), Cell::text(what), ours, theirs, ratio]);
        }
    }
    report.tables.push(Table {
        title: "In a page".into(),
        note: "Medians. A visit begins with an empty profile; bytes are what the server sent, compressed. A prediction of a row \
               begins with a JavaScript object, one of tensors with typed arrays. Memory is that of the page's process, after \
               the first prediction."
            .into(),
        columns: ["model", "what", SIDES[0], SIDES[1], "ratio"].map(Into::into).into(),
        rows,
    });
    Ok(())
}

fn absent(report: &mut Report, reason: &str) -> Result<()> {
    let cell = || Cell::absent(reason);
    report.comparisons.push(Comparison::new("page", cell(), SIDES[1], cell()));
    Ok(())
}

/// A folder for each side, with what a page of it fetches.
fn folders(setup: &Setup, name: &str, model: &Path, node: &Path) -> Result<[PathBuf; 2]> {
    step(format!("pages of {name}"));
    let component = packed(&root().join("models").join(name).join("1"), &setup.cache)?;
    let inputs = serde_json::to_string(&Description::read(&component)?.model.inputs)?;
    let row = golden(&root().join("models"), name)?.into_iter().next().context("no golden case")?.row;
    let row = format!("export default {};\n", Value::Object(row));
    let base = setup.folder.join("pages").join(name);
    if base.exists() {
        fs::remove_dir_all(&base)?;
    }
    let folders = ["edgewit", "onnxruntime-web"].map(|side| base.join(side));
    for file in site(&component, Origin::Files)? {
        add(&folders[0], &file.path, &file.bytes)?;
    }
    for file in ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"] {
        add(&folders[1], file, &fs::read(node.join(file))?)?;
    }
    add(&folders[1], "model.onnx", &fs::read(model)?)?;
    add(&folders[1], "inputs.js", format!("export const inputs = {inputs};\n").as_bytes())?;
    add(&folders[1], "feeds.js", &fs::read(peer("feeds.js"))?)?;
    for (folder, script) in folders.iter().zip(["visit_edgewit.js", "visit_onnxruntime.js"]) {
        add(folder, "row.js", row.as_bytes())?;
        add(folder, "visit.html", &fs::read(peer("visit.html"))?)?;
        add(folder, "visit.js", &fs::read(peer(script))?)?;
    }
    Ok(folders)
}

/// Writes a file, and beside it what a server sends of it; Edgewit's core modules are compressed already.
fn add(folder: &Path, path: &str, bytes: &[u8]) -> Result<()> {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().unwrap_or(folder))?;
    fs::write(&file, bytes)?;
    if !path.ends_with(".bin") {
        let mut gzip = GzEncoder::new(vec![], Compression::best());
        gzip.write_all(bytes)?;
        fs::write(folder.join(format!("{path}.gz")), gzip.finish()?)?;
    }
    Ok(())
}

/// What is measured of both sides.
fn measure(setup: &Setup, name: &str, folders: &[PathBuf; 2]) -> Result<Vec<(&'static str, [Cell; 2])>> {
    let expected =
        golden(&root().join("models"), name)?.into_iter().next().context("no golden case")?.probability;
    let mut visits = [const { vec![] }; 2];
    for number in 1..=setup.effort.starts {
        step(format!("visits of {name}, {number} of {}", setup.effort.starts));
        for (side, visits) in visits.iter_mut().enumerate() {
            visits.push(visit(&folders[side], &expected)?);
        }
    }
    step(format!("predictions of {name} in a page"));
    let times = turns(setup, name, folders)?;
    let of_visits = |figure: fn(&Visit) -> f64, unit: Unit| {
        [0, 1].map(|side| Cell::Figure(median(&visits[side].iter().map(figure).collect::<Vec<_>>()), unit))
    };
    let of_times = |what: &str| -> Result<[Cell; 2]> {
        let times: [Vec<f64>; 2] = serde_json::from_value(times[what].clone())?;
        Ok(times.map(|times| Cell::Figure(median(&times), Unit::Seconds)))
    };
    Ok(vec![
        ("bytes transferred", of_visits(|visit| visit.bytes, Unit::Bytes)),
        ("navigation to first prediction", of_visits(|visit| visit.seconds, Unit::Seconds)),
        ("memory", of_visits(|visit| visit.memory, Unit::Bytes)),
        ("one row", of_times("row")?),
        ("one row as tensors", of_times("tensors")?),
    ])
}

struct Visit {
    seconds: f64,
    bytes: f64,
    memory: f64,
}

/// A page in a browser that has never seen it.
fn visit(folder: &Path, expected: &[f64]) -> Result<Visit> {
    let browser = Browser::start("en").context("the browser does not start again")?;
    let files = Files::serve(folder);
    browser.open(&format!("{}visit.html", files.base));
    browser.wait("window.first");
    let first = browser.run("return window.first;", Value::Null);
    let probability: Vec<f64> = serde_json::from_value(first["probability"].clone())?;
    let near = probability.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
    ensure!(
        near && probability.len() == expected.len(),
        "{}: {probability:?} is not {expected:?}",
        folder.display()
    );
    let sent = files.sent().into_iter().filter(|(path, _)| path != "/favicon.ico");
    Ok(Visit {
        seconds: first["seconds"].as_f64().context("no time")?,
        bytes: sent.map(|(_, bytes)| bytes as f64).sum(),
        memory: browser.memory() as f64,
    })
}

fn turns(setup: &Setup, name: &str, folders: &[PathBuf; 2]) -> Result<Value> {
    let browser = Browser::start("en").context("the browser does not start again")?;
    let files = Files::serve(folders[0].parent().context("a folder")?);
    browser.open(&format!("{}onnxruntime-web/row.js", files.base));
    let inputs = fs::read_to_string(folders[1].join("inputs.js"))?;
    let inputs: Value = serde_json::from_str(
        inputs.trim_start_matches("export const inputs = ").trim_end().trim_end_matches(';'),
    )?;
    let row = golden(&root().join("models"), name)?.into_iter().next().context("no golden case")?.row;
    let arguments = json!({
        "edgewit": format!("{}edgewit/", files.base), "ort": format!("{}onnxruntime-web/", files.base),
        "inputs": inputs, "row": row, "turns": setup.effort.rounds, "count": 500,
    });
    Ok(browser.run(TURNS, arguments))
}
