//! Cases as ONNX lays them out: `test_data_set_*/input_N.pb` and `output_N.pb`, each a
//! `TensorProto` (onnx.proto, the layout of the ONNX backend tests). A file `tolerance.json`
//! beside the model may hold `{"rtol", "atol"}`.

use std::path::Path;

use edgewit_core::{Data, Datatype, Tensor};
use prost::Message;
use serde::Deserialize;

use super::{Subject, Tolerance, Verdict, compare, entries};

/// The fields of `onnx.TensorProto` that hold a dense tensor, by their numbers in onnx.proto.
#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(float, repeated, tag = "4")]
    float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    int32_data: Vec<i32>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    string_data: Vec<Vec<u8>>,
    #[prost(int64, repeated, tag = "7")]
    int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    double_data: Vec<f64>,
    #[prost(uint64, repeated, tag = "11")]
    uint64_data: Vec<u64>,
}

/// A model's own `tolerance.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnTolerance {
    rtol: f64,
    atol: f64,
}

pub(super) fn run(
    folder: &Path,
    model: &mut Subject<'_>,
    tolerance: Tolerance,
) -> Result<Vec<Verdict>, String> {
    let path = folder.join("tolerance.json");
    let own = match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?,
        // What the ONNX backend tests use.
        Err(_) => OwnTolerance { rtol: 1e-3, atol: 1e-7 },
    };
    let tolerance = tolerance.or(own.atol, own.rtol);
    let sets = entries(folder, |name| name.starts_with("test_data_set_"))?;
    Ok(sets.into_iter().map(|set| (set.display().to_string(), case(&set, model, tolerance))).collect())
}

fn case(set: &Path, model: &mut Subject<'_>, tolerance: (f64, f64)) -> Result<(), String> {
    let names = model.metadata.inputs.iter().map(|input| input.name.clone()).collect::<Vec<_>>();
    let inputs = tensors(set, "input_", &names)?;
    let names = model.metadata.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>();
    let expected = tensors(set, "output_", &names)?;
    let got = model.instance.predict(&inputs, None).map_err(|error| error.to_string())?;
    expected.iter().try_for_each(|expected| {
        let got = got.iter().find(|got| got.name == expected.name);
        compare::tensor(got.ok_or_else(|| format!("no output `{}`", expected.name))?, expected, tolerance)
    })
}

/// The tensors of a data set; one without a name takes that of its position.
fn tensors(set: &Path, prefix: &str, names: &[String]) -> Result<Vec<Tensor>, String> {
    let paths = entries(set, |name| name.starts_with(prefix) && name.ends_with(".pb"))?;
    let tensor = |(ix, path): (usize, &std::path::PathBuf)| {
        let fault = |error: String| format!("{}: {error}", path.display());
        let bytes = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
        let proto = TensorProto::decode(&*bytes).map_err(|error| fault(error.to_string()))?;
        let mut tensor = convert(proto).map_err(fault)?;
        if !names.contains(&tensor.name) {
            tensor.name =
                names.get(ix).ok_or_else(|| fault("the model has no tensor at this place".into()))?.clone();
        }
        Ok(tensor)
    };
    paths.iter().enumerate().map(tensor).collect()
}

/// Small types hide in `int32_data`; `raw_data` wins where it is given.
fn convert(proto: TensorProto) -> Result<Tensor, String> {
    let datatype = match proto.data_type {
        1 => Datatype::Fp32,
        2 => Datatype::Uint8,
        3 => Datatype::Int8,
        4 => Datatype::Uint16,
        5 => Datatype::Int16,
        6 => Datatype::Int32,
        7 => Datatype::Int64,
        8 => Datatype::Bytes,
        9 => Datatype::Bool,
        10 => Datatype::Fp16,
        11 => Datatype::Fp64,
        12 => Datatype::Uint32,
        13 => Datatype::Uint64,
        other => return Err(format!("ONNX tensor type {other} has no Open Inference Protocol datatype")),
    };
    let small =
        |width: usize| proto.int32_data.iter().flat_map(move |value| value.to_le_bytes()[..width].to_vec());
    let data = match datatype {
        Datatype::Bytes => {
            let strings = proto.string_data.into_iter().map(String::from_utf8);
            Data::Strings(strings.collect::<Result<_, _>>().map_err(|_| "a string is not UTF-8")?)
        }
        _ if !proto.raw_data.is_empty() => Data::Raw(proto.raw_data),
        Datatype::Fp32 => Data::Raw(proto.float_data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Datatype::Fp64 => Data::Raw(proto.double_data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Datatype::Int64 => Data::Raw(proto.int64_data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Datatype::Uint64 => {
            Data::Raw(proto.uint64_data.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
        Datatype::Uint32 => {
            Data::Raw(proto.uint64_data.iter().flat_map(|value| (*value as u32).to_le_bytes()).collect())
        }
        Datatype::Int32 => Data::Raw(small(4).collect()),
        Datatype::Int16 | Datatype::Uint16 | Datatype::Fp16 => Data::Raw(small(2).collect()),
        Datatype::Int8 | Datatype::Uint8 | Datatype::Bool => Data::Raw(small(1).collect()),
    };
    let shape = proto.dims.iter().map(|dim| u64::try_from(*dim)).collect::<Result<Vec<_>, _>>();
    let shape = shape.map_err(|_| "a dimension is negative")?;
    Tensor::new(proto.name, datatype, shape, data).map_err(|error| error.to_string())
}
