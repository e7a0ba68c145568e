//! One prediction inside a process: every model in every runtime, taking turns.

use std::path::PathBuf;

use anyhow::Result;
use edgewit_bench::{golden, program, tensors};
use edgewit_core::{Data, Datatype, Tensor, TensorMetadata};
use xtask::components::root;

use crate::report::{Cell, Comparison, Report, Table, Unit, median};
use crate::setup::{Maybe, Setup, step};
use crate::sides::{Component, Inputs, Operators, Peer, Side, Task, Tract, Values, WEB, difference};

/// Sets of one row; a prediction that is always the same would teach the branch predictor its path.
const SETS: usize = 16;
/// Floats of different kernels differ by their rounding.
const TOLERANCE: f64 = 1e-4;
/// Where int8 is rounded one step apart in an early layer, later ones carry it on.
const INT8_TOLERANCE: f64 = 5e-2;

/// The sides in the order of the table's columns; the last is what ratios are to.
const SIDES: [&str; 6] = ["fresh", "reused", "tract", "tract + operators", "onnxruntime", WEB];

/// A model at a batch size.
struct Case {
    model: &'static str,
    title: &'static str,
    rows: usize,
}

const fn case(model: &'static str, title: &'static str, rows: usize) -> Case {
    Case { model, title, rows }
}

const CASES: [Case; 17] = [
    case("resnet18", "ResNet18", 1),
    case("mobilenetv2", "MobileNetV2", 1),
    case("resnet18_qdq", "ResNet18, int8 QDQ", 1),
    case("mobilenetv2_qdq", "MobileNetV2, int8 QDQ", 1),
    case("forest200", "200-tree forest", 1),
    case("forest200", "200-tree forest", 1000),
    case("gbdt100", "100-tree boosting", 1),
    case("gbdt100", "100-tree boosting", 1000),
    case("mlp", "MLP", 1),
    case("mlp", "MLP", 1000),
    case("mlp_qlinear", "MLP, int8 QLinear", 1),
    case("logreg", "logistic regression", 1),
    case("logreg", "logistic regression", 1000),
    case("churn", "churn", 1),
    case("churn", "churn", 1000),
    case("digits", "digits", 1),
    case("digits", "digits", 1000),
];

pub(crate) fn run(setup: &Setup, models: &[String], report: &mut Report) -> Result<()> {
    let mut native = setup.onnxruntime();
    let mut web = setup.onnxruntime_web();
    for (name, peer) in [("onnxruntime", &mut native), (WEB, &mut web)] {
        if let Ok(peer) = peer {
            report.environment.push((name.into(), peer.version()?));
        }
    }
    let columns = ["model", "rows"].into_iter().chain(SIDES).chain(["reused / web"]);
    let columns = columns.map(Into::into).collect::<Vec<String>>();
    let mut medians = Table {
        title: "One prediction".into(),
        note: "Medians of the rounds in which the runtimes took turns, one thread each; `fresh` starts a sandbox for \
               each prediction, `tract` is native, without and with the operators of `edgewit-operators`. A batch of \
               one is a different row each time. The largest difference is that of any runtime's outputs from \
               onnxruntime's, over the largest number of the output; labels are equal."
            .into(),
        columns: [&columns[..], &["largest difference".into()]].concat(),
        rows: vec![],
    };
    let mut fastest = Table {
        title: "One prediction, the fastest round".into(),
        note: "Of the same turns the shortest: nearer to the truth where something else ran on the machine."
            .into(),
        columns,
        rows: vec![],
    };
    let wanted = |case: &&Case| models.is_empty() || models.iter().any(|name| name == case.model);
    for case in CASES.iter().filter(wanted) {
        step(format!("{}, {} rows", case.title, case.rows));
        let name =
            if case.rows == 1 { case.title.into() } else { format!("{}, {} rows", case.title, case.rows) };
        let head = [Cell::text(case.title), Cell::text(case.rows.to_string())];
        let model = match case.model {
            "digits" => Ok(root().join("models/digits/1/model.onnx")),
            model => setup.model(model),
        };
        let measured = match model {
            Ok(model) => measure(setup, case, model, &mut native, &mut web),
            Err(reason) => {
                report.comparisons.push(Comparison::alone(name, Cell::absent(reason)));
                continue;
            }
        };
        // One model that fails leaves the others be; the run has failed all the same.
        let measured = match measured {
            Ok(measured) => measured,
            Err(error) => {
                step(format!("failed: {error:#}"));
                report.faults.push(format!("{name}: {error:#}"));
                continue;
            }
        };
        let [fresh, reused, .., web] = &measured.medians;
        report.comparisons.push(Comparison::new(&name, reused.clone(), WEB, web.clone()));
        if (case.model, case.rows) == ("churn", 1) {
            let what = "fresh sandbox, churn";
            report.comparisons.push(Comparison::new(what, fresh.clone(), "reused sandbox", reused.clone()));
        }
        let difference = Cell::text(format!("{:.0e}", measured.difference));
        medians.rows.push(line(&head, measured.medians).chain([difference]).collect());
        fastest.rows.push(line(&head, measured.fastest).collect());
    }
    report.tables.extend([medians, fastest]);
    Ok(())
}

/// The cells of a row: what was measured, the figures, their ratio.
fn line(head: &[Cell; 2], seconds: Seconds) -> impl Iterator<Item = Cell> {
    let [_, reused, .., web] = &seconds;
    let ratio = reused.over(web);
    head.clone().into_iter().chain(seconds).chain([ratio])
}

/// Seconds of one prediction in each side.
type Seconds = [Cell; SIDES.len()];

struct Measured {
    medians: Seconds,
    fastest: Seconds,
    difference: f64,
}

fn measure(
    setup: &Setup,
    case: &Case,
    model: PathBuf,
    native: &mut Maybe<Peer>,
    web: &mut Maybe<Peer>,
) -> Result<Measured> {
    let program = program(&model, &setup.cache, 8)?;
    let inputs = match case.model {
        "churn" | "digits" => golden_rows(case, &program)?,
        _ => random(case, &program.instantiate(&edgewit_bench::limits())?.metadata()?.inputs),
    };
    let task = Task { model: &model, inputs: &inputs };
    let loaded = |peer: &mut Maybe<Peer>| match peer {
        Ok(peer) => peer.load(&task).map_err(|error| format!("{error:#}")),
        Err(reason) => Err(reason.clone()),
    };
    let native_loaded = loaded(native);
    let web_loaded = loaded(web);
    let mut fresh = Component::fresh(program.clone(), inputs.clone());
    let mut reused = Component::reused(program, inputs.clone())?;
    let load = |operators| Tract::load(&task, operators).map_err(|error| brief(&error));
    let mut plain = load(Operators::Plain);
    let mut own = load(Operators::Edgewit);

    fn of<S: Side>(side: &mut Maybe<S>) -> Maybe<&mut dyn Side> {
        side.as_mut().map(|side| side as &mut dyn Side).map_err(|reason| reason.clone())
    }
    let native = native_loaded.and_then(|()| of(native));
    let web = web_loaded.and_then(|()| of(web));
    let mut sides: [Maybe<&mut dyn Side>; SIDES.len()] =
        [Ok(&mut fresh), Ok(&mut reused), of(&mut plain), of(&mut own), native, web];

    // What tract gets wrong is tract's affair, and is told; everybody else must agree.
    let expected = outputs(&mut sides)?;
    let int8 = case.model.ends_with("_qdq") || case.model.ends_with("_qlinear");
    let tolerance = if int8 { INT8_TOLERANCE } else { TOLERANCE };
    let mut largest = 0.0f64;
    for (name, side) in SIDES.iter().zip(&mut sides) {
        let Ok(running) = side else { continue };
        let came = running.outputs().and_then(|came| difference(&expected, &came));
        match came {
            Ok(apart) if apart <= tolerance => largest = largest.max(apart),
            wrong if *name == "tract" => {
                let reason = match wrong {
                    Ok(apart) => format!("its outputs are wrong, by {apart:.0e}"),
                    Err(error) => brief(&error),
                };
                *side = Err(reason);
            }
            Ok(apart) => {
                anyhow::bail!("the outputs of {name} are {apart:.1e} apart, more than {tolerance:.0e}")
            }
            Err(error) => return Err(error.context(format!("the outputs of {name}"))),
        }
    }
    let (medians, fastest) = time(setup, sides)?;
    Ok(Measured { medians, fastest, difference: largest })
}

/// onnxruntime's outputs; those of the first side where it is missing.
fn outputs(sides: &mut [Maybe<&mut dyn Side>; SIDES.len()]) -> Result<Vec<Vec<Values>>> {
    let [.., native, _] = sides;
    match native {
        Ok(native) => native.outputs(),
        Err(_) => sides[0].as_mut().map_err(|reason| anyhow::anyhow!("{reason}"))?.outputs(),
    }
}

/// Lets the sides take turns, after a warm-up, and returns the medians of their turns and the fastest.
fn time(setup: &Setup, mut sides: [Maybe<&mut dyn Side>; SIDES.len()]) -> Result<(Seconds, Seconds)> {
    let effort = &setup.effort;
    let mut runs = [0; SIDES.len()];
    for (side, runs) in sides.iter_mut().zip(&mut runs) {
        let Ok(side) = side else { continue };
        let (mut passed, mut count) = (0.0, 1);
        *runs = loop {
            let seconds = side.time(count)?;
            passed += seconds;
            let in_a_turn = (effort.turn.as_secs_f64() * count as f64 / seconds) as usize;
            count = in_a_turn.clamp(1, 2 * count.max(500));
            if passed >= effort.warming.as_secs_f64() {
                break count;
            }
        };
    }
    let mut means: [Vec<f64>; SIDES.len()] = Default::default();
    for _ in 0..effort.rounds {
        for ((side, runs), means) in sides.iter_mut().zip(runs).zip(&mut means) {
            if let Ok(side) = side {
                means.push(side.time(runs)? / runs as f64);
            }
        }
    }
    let cells = |figure: fn(&[f64]) -> f64| {
        std::array::from_fn(|side| match &sides[side] {
            Ok(_) => Cell::Figure(figure(&means[side]), Unit::Seconds),
            Err(reason) => Cell::absent(reason),
        })
    };
    Ok((cells(median), cells(|means| means.iter().copied().fold(f64::INFINITY, f64::min))))
}

/// The first line of an error and of its cause.
fn brief(error: &anyhow::Error) -> String {
    let line = |text: String| text.lines().next().unwrap_or_default().chars().take(160).collect::<String>();
    format!("refused: {}", line(error.root_cause().to_string()))
}

/// Rows of golden cases without a missing value, which not every runtime's string inputs have.
fn golden_rows(case: &Case, program: &edgewit::runtime::Program) -> Result<Inputs> {
    let rows = golden(&root().join("models"), case.model)?.into_iter().map(|case| case.row);
    let rows = rows.filter(|row| row.values().all(|value| !value.is_null())).collect::<Vec<_>>();
    if case.rows == 1 {
        return rows.into_iter().take(SETS).map(|row| tensors(program, vec![row])).collect();
    }
    Ok(vec![tensors(program, rows.into_iter().cycle().take(case.rows).collect())?])
}

/// Numbers of a normal distribution, near enough: sums of twelve evenly distributed ones.
fn random(case: &Case, inputs: &[TensorMetadata]) -> Inputs {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut even = move || {
        // Knuth's MMIX generator; the high bits are the good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let mut normal = move || (0..12).map(|_| even()).sum::<f32>() - 6.0;
    let mut tensor = |input: &TensorMetadata| {
        let axis = |axis: &i64| u64::try_from(*axis).unwrap_or(case.rows as u64);
        let shape = input.shape.iter().map(axis).collect::<Vec<_>>();
        let bytes = (0..shape.iter().product::<u64>()).flat_map(|_| normal().to_le_bytes()).collect();
        Tensor { name: input.name.clone(), datatype: Datatype::Fp32, shape, data: Data::Raw(bytes) }
    };
    let is_image = inputs.iter().any(|input| input.shape.len() == 4);
    let sets = if is_image {
        2
    } else if case.rows == 1 {
        SETS
    } else {
        1
    };
    (0..sets).map(|_| inputs.iter().map(&mut tensor).collect()).collect()
}
