//! The largest values of an output, as Triton's classification extension writes them.
//!
//! Source: `extension_classification.md` of triton-inference-server/server.

use std::cmp::Ordering;

use super::OipError;
use crate::{Data, Datatype, ModelMetadata, Tensor, TensorMetadata, tensor::Element};

/// Refuses an output whose elements have no order to rank them by.
pub(super) fn check(output: &TensorMetadata) -> Result<(), OipError> {
    match output.datatype {
        Datatype::Bool | Datatype::Bytes => {
            Err(OipError::Unranked { output: output.name.clone(), datatype: output.datatype })
        }
        _ => Ok(()),
    }
}

/// The `k` largest elements of each row as `value:index` or `value:index:label`, largest first; of equal
/// ones the first. The first axis is the rows where there is more than one; NaN is the smallest.
pub(super) fn classify(model: &ModelMetadata, output: &Tensor, k: u32) -> Tensor {
    let rows = if output.shape.len() > 1 { output.shape[0] as usize } else { 1 };
    let classes = output.len().checked_div(rows).unwrap_or(0);
    let labels = labels(model, &output.name, classes);
    let k = classes.min(k as usize);
    let mut texts = Vec::with_capacity(rows * k);
    for row in 0..rows {
        let value = |class: &usize| output.f64_at(row * classes + class).unwrap_or(f64::NAN);
        let mut ranked: Vec<usize> = (0..classes).collect();
        ranked.sort_by(|left, right| descending(value(left), value(right)));
        texts.extend(ranked.into_iter().take(k).map(|class| {
            let value = output.element(row * classes + class).map(written).unwrap_or_default();
            match labels.get(class) {
                Some(label) => format!("{value}:{class}:{label}"),
                None => format!("{value}:{class}"),
            }
        }));
    }
    let shape = if output.shape.len() > 1 { vec![rows as u64, k as u64] } else { vec![k as u64] };
    Tensor { name: output.name.clone(), datatype: Datatype::Bytes, shape, data: Data::Strings(texts) }
}

fn descending(left: f64, right: f64) -> Ordering {
    right.partial_cmp(&left).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

fn written(element: Element<'_>) -> String {
    match element {
        Element::Bool(value) => value.to_string(),
        Element::Unsigned(value) => value.to_string(),
        Element::Signed(value) => value.to_string(),
        Element::Single(value) => value.to_string(),
        Element::Double(value) => value.to_string(),
        Element::Text(value) => value.to_owned(),
    }
}

/// The names of the classes: the output's own, else the manifest's, where there are as many.
fn labels<'a>(model: &'a ModelMetadata, output: &str, classes: usize) -> &'a [String] {
    let own = model.outputs.iter().find(|metadata| metadata.name == output).map(|metadata| &metadata.labels);
    let mut lists = own.into_iter().chain([&model.manifest.labels]);
    lists.find(|labels| labels.len() == classes).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: &[u64], values: &[f32], k: u32, expect: (&[u64], &[&str])) {
        let model = serde_json::from_str(
            r#"{"name": "m", "version": "1", "digest": "", "manifest": {"labels": ["a", "b", "c"]},
                "inputs": [], "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, -1]}]}"#,
        );
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let output = Tensor::new("y", Datatype::Fp32, shape.to_vec(), Data::Raw(bytes)).unwrap();
        let classes = classify(&model.unwrap(), &output, k);
        classes.validate().unwrap();
        let texts = expect.1.iter().map(ToString::to_string).collect();
        assert_eq!((classes.shape.as_slice(), classes.data), (expect.0, Data::Strings(texts)));
    }

    #[test]
    fn each_row_is_ranked_by_itself() {
        let values = [0.25, 0.5, 0.25, 1e-7, -1.0, 3.0];
        check(&[2, 3], &values, 2, (&[2, 2], &["0.5:1:b", "0.25:0:a", "3:2:c", "0.0000001:0:a"]));
        check(&[2], &[1.0, 2.0], 5, (&[2], &["2:1", "1:0"]));
        check(&[0, 3], &[], 2, (&[0, 0], &[]));
    }

    #[test]
    fn nan_comes_last() {
        check(&[1, 3], &[f32::NAN, -1.0, 2.0], 3, (&[1, 3], &["2:2:c", "-1:1:b", "NaN:0:a"]));
    }
}
