//! Initialisers and constants as dense tensors, in the file, of a type that tract has.
//!
//! - External data (<https://onnx.ai/onnx/repo-docs/ExternalData.html>) are put into the model.
//! - A sparse tensor becomes the dense one that it stands for.
//! - bfloat16 becomes float: every bfloat16 is one. What computes in bfloat16 then computes in float, which rounds less;
//!   a `Cast` to bfloat16 still rounds.

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{AttributeProto, GraphProto, SparseTensorProto, TensorProto, type_proto};
use tract_onnx::tract_hir::internal::*;

use super::{ExternalFile, visit};

/// No tensor of a model is larger than this: it could not be in a sandbox's memory with anything else.
const MOST_BYTES: usize = 1 << 31;

pub(super) fn densify(graph: &mut GraphProto, files: &[ExternalFile]) -> TractResult<()> {
    each_tensor(graph, &mut |tensor| {
        let name = tensor.name.clone();
        embed(tensor, files).and_then(|()| check(tensor)).with_context(|| format!("tensor `{name}`"))
    })?;
    visit(graph, &mut |graph| {
        for sparse in std::mem::take(&mut graph.sparse_initializer) {
            graph.initializer.push(dense(&sparse)?);
        }
        for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
            if let Some(sparse) = attribute.sparse_tensor.take() {
                // `Constant` has its value as `sparse_value` then.
                let tensor = dense(&sparse)?;
                *attribute = AttributeProto {
                    name: "value".into(),
                    r#type: tract_onnx::pb::attribute_proto::AttributeType::Tensor as i32,
                    t: Some(tensor),
                    ..AttributeProto::default()
                };
            }
        }
        widen_types(graph);
        Ok(())
    })?;
    each_tensor(graph, &mut |tensor| widen(tensor))
}

/// Calls `see` on every tensor of `graph` and the graphs in it: initialisers, and those in attributes.
fn each_tensor(
    graph: &mut GraphProto,
    see: &mut impl FnMut(&mut TensorProto) -> TractResult<()>,
) -> TractResult<()> {
    visit(graph, &mut |graph| {
        let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
        let of_attributes =
            attributes.flat_map(|attribute| attribute.t.iter_mut().chain(&mut attribute.tensors));
        graph.initializer.iter_mut().chain(of_attributes).try_for_each(&mut *see)
    })
}

fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location == Some(DataLocation::External as i32)
}

fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

fn embed(tensor: &mut TensorProto, files: &[ExternalFile]) -> TractResult<()> {
    if !is_external(tensor) {
        return Ok(());
    }
    let location = entry(tensor, "location").context("external data without a location")?;
    let file = files.iter().find(|file| file.location == location);
    let file = file.with_context(|| format!("its external data `{location}` are not here"))?;
    let number = |key| entry(tensor, key).map(str::parse::<usize>).transpose();
    let offset = number("offset").context("external data: offset is no number")?.unwrap_or(0);
    let length = number("length").context("external data: length is no number")?;
    let end = match length {
        Some(length) => offset.checked_add(length),
        None => Some(file.bytes.len()),
    };
    let data = end.and_then(|end| file.bytes.get(offset..end)).with_context(|| {
        let wanted = length.map_or("the rest".into(), |length| format!("{length} bytes"));
        format!("`{location}` has {} bytes, expected {wanted} from {offset}", file.bytes.len())
    })?;
    tensor.raw_data = data.to_vec();
    tensor.data_location = None;
    tensor.external_data.clear();
    Ok(())
}

/// What tract would panic on.
fn check(tensor: &TensorProto) -> TractResult<()> {
    let strings = tensor.data_type == DataType::String as i32;
    ensure!(!strings || tensor.raw_data.is_empty(), "its strings are raw data, which ONNX does not allow");
    Ok(())
}

/// The dense tensor of a sparse one, whose indices are linear or one row for each value.
fn dense(sparse: &SparseTensorProto) -> TractResult<TensorProto> {
    let values = sparse.values.as_ref().context("a sparse tensor without values")?;
    let name = &values.name;
    let made = || -> TractResult<Tensor> {
        let indices = sparse.indices.as_ref().context("it has no indices")?;
        let shape = sparse.dims.iter().map(|dim| usize::try_from(*dim)).collect::<Result<TVec<_>, _>>()?;
        let volume = shape.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
        let volume = volume.filter(|volume| *volume <= MOST_BYTES / 8).context("its shape is too large")?;
        let provider = tract_onnx::data_resolver::default();
        let (values, indices) = (
            tract_onnx::tensor::load_tensor(&*provider, values, None)?,
            tract_onnx::tensor::load_tensor(&*provider, indices, None)?,
        );
        let indices_of = crate::kernel::elements::<i64>(&indices)?;
        let width = match indices.shape() {
            [_] => 1,
            [_, rank] if *rank == shape.len() && *rank > 0 => *rank,
            other => bail!("its indices have the shape {other:?} for a tensor of rank {}", shape.len()),
        };
        ensure!(
            indices.len() == values.len() * width,
            "it has {} values for {} indices",
            values.len(),
            indices.len()
        );
        let mut dense = Tensor::zero_dt(values.datum_type(), &shape)?;
        ensure!(dense.datum_type().is_copy(), "its values are {:?}", dense.datum_type());
        let size = dense.datum_type().size_of();
        let target = dense.as_bytes_mut();
        for (value, index) in values.as_bytes().chunks_exact(size).zip(indices_of.chunks_exact(width)) {
            let linear = match index {
                [linear] if width == 1 && indices.rank() == 1 => usize::try_from(*linear).ok(),
                _ => index.iter().zip(&shape).try_fold(0usize, |linear, (ix, dim)| {
                    let ix = usize::try_from(*ix).ok().filter(|ix| ix < dim)?;
                    Some(linear * dim + ix)
                }),
            };
            let linear = linear.filter(|linear| *linear < volume);
            let linear = linear.with_context(|| format!("index {index:?} is not in shape {shape:?}"))?;
            target[linear * size..][..size].copy_from_slice(value);
        }
        Ok(dense)
    };
    let tensor = made().with_context(|| format!("sparse tensor `{name}`"))?;
    Ok(TensorProto {
        name: name.clone(),
        dims: sparse.dims.clone(),
        data_type: values.data_type,
        raw_data: tensor.as_bytes().to_vec(),
        ..TensorProto::default()
    })
}

/// A bfloat16 tensor as float: its bits are the upper half of a float's.
fn widen(tensor: &mut TensorProto) -> TractResult<()> {
    if tensor.data_type != DataType::Bfloat16 as i32 {
        return Ok(());
    }
    let halves = if tensor.raw_data.is_empty() {
        std::mem::take(&mut tensor.int32_data).into_iter().map(|value| value as u16).collect::<Vec<_>>()
    } else {
        ensure!(tensor.raw_data.len().is_multiple_of(2), "tensor `{}`: half a bfloat16", tensor.name);
        tensor.raw_data.chunks_exact(2).map(|half| u16::from_le_bytes([half[0], half[1]])).collect()
    };
    tensor.raw_data = halves.iter().flat_map(|half| (u32::from(*half) << 16).to_le_bytes()).collect();
    tensor.data_type = DataType::Float as i32;
    Ok(())
}

fn widen_types(graph: &mut GraphProto) {
    let infos = graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info);
    for info in infos {
        if let Some(type_proto::Value::TensorType(tensor)) =
            info.r#type.as_mut().and_then(|r#type| r#type.value.as_mut())
            && tensor.elem_type == DataType::Bfloat16 as i32
        {
            tensor.elem_type = DataType::Float as i32;
        }
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{ModelProto, StringStringEntryProto};

    use super::*;
    use crate::testing::{int, model, node, run_model};

    /// The sum of `x` and the initialiser `w`.
    fn sum(x: &Tensor, edit: impl FnOnce(&mut GraphProto)) -> ModelProto {
        let mut add = node("", "Add", vec![]);
        add.input.push("w".into());
        let mut model = model(vec![add], x, false, &["y"]);
        edit(model.graph.as_mut().unwrap());
        model
    }

    fn floats(values: &[f32]) -> TensorProto {
        TensorProto {
            name: "w".into(),
            dims: vec![values.len() as i64],
            data_type: DataType::Float as i32,
            float_data: values.into(),
            ..Default::default()
        }
    }

    fn indices(dims: &[i64], values: &[i64]) -> TensorProto {
        TensorProto {
            dims: dims.into(),
            data_type: DataType::Int64 as i32,
            int64_data: values.into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_sparse_initialiser_is_the_dense_one_that_it_stands_for() {
        let x = Tensor::zero::<f32>(&[2, 3]).unwrap();
        for at in [indices(&[2], &[1, 5]), indices(&[2, 2], &[0, 1, 1, 2])] {
            let sparse =
                SparseTensorProto { values: Some(floats(&[7., 9.])), indices: Some(at), dims: vec![2, 3] };
            let model = sum(&x, |graph| graph.sparse_initializer.push(sparse));
            assert_eq!(run_model(model, &x).unwrap()[0], tensor2(&[[0f32, 7., 0.], [0., 0., 9.]]));
        }
    }

    #[test]
    fn a_sparse_index_outside_its_shape_is_refused() {
        let x = Tensor::zero::<f32>(&[2, 3]).unwrap();
        for at in [indices(&[1], &[6]), indices(&[1, 2], &[0, 3]), indices(&[1], &[-1])] {
            let sparse =
                SparseTensorProto { values: Some(floats(&[7.])), indices: Some(at), dims: vec![2, 3] };
            let error = run_model(sum(&x, |graph| graph.sparse_initializer.push(sparse)), &x).unwrap_err();
            assert!(format!("{error:#}").contains("sparse tensor `w`: index"), "{error:#}");
        }
    }

    #[test]
    fn bfloat16_weights_are_floats_and_a_cast_to_bfloat16_rounds() {
        let x = tensor1(&[1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -3f32]);
        let mut cast = node("", "Cast", vec![int("to", DataType::Bfloat16 as i64)]);
        cast.output = vec!["b".into()];
        let mut add = node("", "Add", vec![]);
        (add.name, add.input) = ("add".into(), vec!["b".into(), "w".into()]);
        let mut model = model(vec![cast, add], &x, false, &["y"]);
        let halves = [0x3f80u16, 0x4000, 0xbf00];
        model.graph.as_mut().unwrap().initializer.push(TensorProto {
            data_type: DataType::Bfloat16 as i32,
            raw_data: halves.iter().flat_map(|half| half.to_le_bytes()).collect(),
            float_data: vec![],
            ..floats(&[0.; 3])
        });
        // Halfway cases go to the even neighbour.
        assert_eq!(run_model(model, &x).unwrap()[0], tensor1(&[2f32, 3.015625, -3.5]));
    }

    fn external(offset: &str, length: &str) -> TensorProto {
        let entry = |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
        TensorProto {
            float_data: vec![],
            data_location: Some(DataLocation::External as i32),
            external_data: vec![entry("location", "w.bin"), entry("offset", offset), entry("length", length)],
            ..floats(&[0.; 2])
        }
    }

    #[test]
    fn external_data_are_read_from_their_file_at_their_place() {
        let x = tensor1(&[1f32, 2.]);
        let mut model = sum(&x, |graph| graph.initializer.push(external("4", "8")));
        let bytes = [0f32, 10., 20.].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
        super::super::prepare(&mut model, &[ExternalFile { location: "w.bin", bytes: &bytes }]).unwrap();
        assert_eq!(run_model(model, &x).unwrap()[0], tensor1(&[11f32, 22.]));
    }

    #[test]
    fn strings_as_raw_data_are_refused() {
        let strings = TensorProto {
            data_type: DataType::String as i32,
            raw_data: vec![1; 8],
            float_data: vec![],
            ..floats(&[0.; 2])
        };
        let x = tensor1(&[1f32, 2.]);
        let error = run_model(sum(&x, |graph| graph.initializer.push(strings)), &x).unwrap_err();
        assert!(format!("{error:#}").starts_with("tensor `w`: its strings are raw data"), "{error:#}");
    }

    #[test]
    fn external_data_that_are_not_there_are_named() {
        let x = tensor1(&[1f32, 2.]);
        let file = ExternalFile { location: "w.bin", bytes: &[0; 8] };
        for (tensor, files, expect) in [
            (external("0", "8"), &[][..], "tensor `w`: its external data `w.bin` are not here"),
            (external("4", "8"), &[file][..], "`w.bin` has 8 bytes, expected 8 bytes from 4"),
            (external("9", "18446744073709551615"), &[file][..], "`w.bin` has 8 bytes"),
            (external("x", "8"), &[file][..], "offset is no number"),
        ] {
            let mut model = sum(&x, |graph| graph.initializer.push(tensor));
            let error = format!("{:#}", super::super::prepare(&mut model, files).unwrap_err());
            assert!(error.contains(expect), "{error}");
        }
    }
}
