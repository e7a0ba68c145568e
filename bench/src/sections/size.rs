//! Sizes of files: what a packed model holds beyond its weights, and the predictor itself, as packed models carry it and
//! with what loads models.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use edgewit::pack::PREDICTOR;
use edgewit::pack::description::Outline;
use edgewit::pack::prune::prune;
use edgewit_bench::packed;
use flate2::Compression;
use flate2::write::GzEncoder;
use tract_onnx::prelude::*;

use crate::report::{Cell, Comparison, Report, Unit};
use crate::setup::{Setup, step};

pub(crate) fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    for (title, name) in [("MobileNetV2", "mobilenetv2"), ("ResNet18", "resnet18")] {
        step(format!("size of {title}"));
        let what = format!("{title}: memory image beyond that of a trivial model");
        let beside = "bytes of its weights";
        match (setup.model(name), setup.model("trivial")) {
            (Ok(model), Ok(trivial)) => {
                let beyond = image(setup, &model)? - image(setup, &trivial)?;
                let weights = Cell::Figure(weights(&model)?, Unit::Bytes);
                let comparison = Comparison::new(what, Cell::Figure(beyond, Unit::Bytes), beside, weights);
                report.comparisons.push(comparison);
            }
            (Err(reason), _) | (_, Err(reason)) => {
                report.comparisons.push(Comparison::new(
                    what,
                    Cell::absent(&reason),
                    beside,
                    Cell::absent(&reason),
                ));
            }
        }
    }
    step("size of the predictor");
    let packed = prune(PREDICTOR)?;
    for (what, component) in
        [("predictor component", &*packed), ("the same before it has a model", PREDICTOR)]
    {
        let stripped = strip(component).context("the predictor is not WebAssembly")?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&stripped)?;
        let sizes = [("stripped", stripped.len()), ("stripped, gzip -9", gzip.finish()?.len())];
        for (how, bytes) in sizes {
            let size = Cell::Figure(bytes as f64, Unit::Bytes);
            report.comparisons.push(Comparison::alone(format!("{what}, {how}"), size));
        }
    }
    Ok(())
}

/// The bytes of data in the packed form of a model: the runtime's and the model's.
fn image(setup: &Setup, model: &Path) -> Result<f64> {
    Ok(Outline::read(&packed(model, &setup.cache)?)?.data_bytes as f64)
}

/// The bytes of the initialisers, which the models here all have as raw data.
fn weights(model: &Path) -> Result<f64> {
    let proto = tract_onnx::onnx().proto_model_for_path(model)?;
    let graph = proto.graph.context("the model has no graph")?;
    Ok(graph.initializer.iter().map(|tensor| tensor.raw_data.len()).sum::<usize>() as f64)
}

/// A module or component without custom sections, nested ones included.
fn strip(wasm: &[u8]) -> Option<Vec<u8>> {
    const CUSTOM: u8 = 0;
    const COMPONENT: u8 = 1;
    const NESTED: [u8; 2] = [1, 4];
    let (header, mut rest) = wasm.split_at_checked(8)?;
    let is_component = header[6] == COMPONENT;
    let mut stripped = header.to_vec();
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = leb128(after)?;
        let (content, after) = after.split_at_checked(length)?;
        rest = after;
        if id == CUSTOM {
            continue;
        }
        let content = if is_component && NESTED.contains(&id) { strip(content)? } else { content.to_vec() };
        stripped.push(id);
        let mut length = content.len();
        while length >= 0x80 {
            stripped.push(length as u8 | 0x80);
            length >>= 7;
        }
        stripped.push(length as u8);
        stripped.extend(content);
    }
    Some(stripped)
}

/// An unsigned LEB128 number and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
    const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

    #[test]
    fn names_are_stripped_and_types_are_kept() {
        let module = [&MODULE[..], &[0, 3, 1, b'x', 9], &[1, 1, 0]].concat();
        assert_eq!(strip(&module).unwrap(), [&MODULE[..], &[1, 1, 0]].concat());
    }

    #[test]
    fn a_module_in_a_component_is_stripped_too() {
        let module = [&MODULE[..], &[0, 200, 1], &[7; 200]].concat();
        let component = [&COMPONENT[..], &[1, 211, 1], &module, &[0, 1, 0]].concat();
        assert_eq!(strip(&component).unwrap(), [&COMPONENT[..], &[1, 8], &MODULE].concat());
    }

    #[test]
    fn what_is_cut_off_is_not_webassembly() {
        assert_eq!(strip(&MODULE[..7]), None);
        assert_eq!(strip(&[&MODULE[..], &[1, 9, 0]].concat()), None);
    }
}
