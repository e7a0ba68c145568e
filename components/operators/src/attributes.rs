//! What the operators share: reading attributes, checking inputs.
//!
//! An empty list counts as absent: exporters write both, and protobuf cannot tell them apart for every writer.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

pub(crate) fn floats(node: &NodeProto, name: &str) -> TractResult<Vec<f32>> {
    Ok(node.get_attr_opt_vec(name)?.unwrap_or_default())
}

pub(crate) fn ints(node: &NodeProto, name: &str) -> TractResult<Vec<i64>> {
    Ok(node.get_attr_opt_vec(name)?.unwrap_or_default())
}

pub(crate) fn strings(node: &NodeProto, name: &str) -> TractResult<Vec<String>> {
    Ok(node.get_attr_opt_vec(name)?.unwrap_or_default())
}

/// The one of two list attributes that is present, as skl2onnx and the ONNX pages have it for labels and categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IntsOrStrings {
    Ints(Vec<i64>),
    Strings(Vec<String>),
}

impl IntsOrStrings {
    pub(crate) fn read(node: &NodeProto, ints_name: &str, strings_name: &str) -> TractResult<Self> {
        match (ints(node, ints_name)?, strings(node, strings_name)?) {
            (ints, strings) if strings.is_empty() && !ints.is_empty() => Ok(Self::Ints(ints)),
            (ints, strings) if ints.is_empty() && !strings.is_empty() => Ok(Self::Strings(strings)),
            (ints, _) if ints.is_empty() => {
                bail!(
                    "expected one of the attributes {ints_name} and {strings_name}, both are absent or empty"
                )
            }
            _ => bail!("expected one of the attributes {ints_name} and {strings_name}, both are set"),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ints(ints) => ints.len(),
            Self::Strings(strings) => strings.len(),
        }
    }

    pub(crate) fn datum_type(&self) -> DatumType {
        match self {
            Self::Ints(_) => i64::datum_type(),
            Self::Strings(_) => String::datum_type(),
        }
    }
}

/// Checks that `len` parameters fit an input `[N, C]` or `[C]`: 1 or C of them.
pub(crate) fn check_per_column(what: &str, len: usize, shape: &[usize]) -> TractResult<()> {
    let Some(&columns) = shape.last().filter(|_| shape.len() <= 2) else {
        bail!("expected an input [N, C] or [C], got shape {shape:?}")
    };
    ensure!(
        len == 1 || len == columns,
        "{what} has {len} values, expected 1 or the input's {columns} columns"
    );
    Ok(())
}

/// As [`check_per_column`], before the run: a symbolic number of columns is left for the run to check.
pub(crate) fn check_per_column_fact(what: &str, len: usize, input: &TypedFact) -> TractResult<()> {
    ensure!(matches!(input.rank(), 1 | 2), "expected an input [N, C] or [C], got shape {:?}", input.shape);
    match input.shape[input.rank() - 1].to_usize() {
        Ok(columns) => check_per_column(what, len, &[columns]),
        Err(_) => Ok(()),
    }
}
