//! Operators as functions of whole tensors, and the one tract operator that runs them all.
//!
//! A [`Kernel`] tells the types and shapes of its outputs and computes them; [`wire`] makes it an operator of tract.
//! Facts flow from inputs to outputs only: every input of an ONNX graph has a type, so there is nothing to infer
//! backwards.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::internal::*;

/// What a builder of an operator returns to tract: the operator, and the outer values that its subgraphs read.
pub(crate) type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// An operator as a function of whole tensors. Inputs that the node leaves out are `None`, at the end as in the middle;
/// an int64 input is `I64`, never tract's `TDim`. All outputs of the operator are told and computed in their order;
/// those that the node does not name are dropped.
pub(crate) trait Kernel: std::any::Any + std::fmt::Debug + Send + Sync {
    /// The types and shapes of the outputs, and errors that are known before the run. A length that depends on values
    /// is [`Lengths::unknown`], unless the input's fact has the value (see [`ints_of`]).
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>>;

    /// Computes the outputs. `inputs` are owned, so that a kernel may overwrite one in place (`into_tensor`).
    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>>;

    /// Whether the outputs of known inputs may be computed while typing, once for all runs.
    fn folds(&self) -> bool {
        true
    }

    /// Whether a run prepares an operator or a graph of tract's, for which a packed model must keep what that takes. Any
    /// kernel does that has a `dyn InferenceOp`.
    fn plans_when_run(&self) -> bool {
        false
    }
}

/// Wraps `kernel` for the node that it was built from.
pub(crate) fn wire(ctx: &ParsingContext, node: &NodeProto, kernel: impl Kernel) -> Built {
    wire_closing_over(ctx, node, kernel, vec![])
}

/// As [`wire`], for a kernel with subgraphs that read `outer` values; those come after the node's inputs.
pub(crate) fn wire_closing_over(
    ctx: &ParsingContext,
    node: &NodeProto,
    kernel: impl Kernel,
    outer: Vec<String>,
) -> Built {
    let named = |names: &[String]| names.iter().map(|name| !name.is_empty()).collect::<TVec<_>>();
    let mut inputs = named(&node.input);
    inputs.extend(outer.iter().map(|_| true));
    let op = KernelOp {
        kernel: Arc::new(kernel),
        operator: node.op_type.clone().into(),
        inputs,
        outputs: named(&node.output),
        lengths: Lengths::of(ctx.template.symbols.clone()),
    };
    Ok((Box::new(op), outer))
}

/// Lengths of axes that only the run will tell.
#[derive(Debug)]
pub(crate) struct Lengths {
    symbols: SymbolScope,
    prefix: String,
    used: AtomicUsize,
}

impl Lengths {
    fn of(symbols: SymbolScope) -> Arc<Self> {
        let prefix = symbols.new_with_prefix("length").to_string();
        Arc::new(Self { symbols, prefix, used: AtomicUsize::new(0) })
    }

    /// The length of the output's axis: the same symbol whenever the same axis of the same node is asked for.
    pub(crate) fn unknown(&self, output: usize, axis: usize) -> TDim {
        self.used.fetch_add(1, Relaxed);
        self.symbols.sym(&format!("{}_{output}_{axis}", self.prefix)).to_dim()
    }
}

/// The first `N` inputs, which a node must have: facts while typing, values while running.
pub(crate) fn required<'a, T: Given<'a>, const N: usize>(
    inputs: &'a [Option<T>],
) -> TractResult<[&'a T::One; N]> {
    let given: [_; N] = std::array::from_fn(|ix| optional(inputs, ix));
    if let Some(missing) = given.iter().position(Option::is_none) {
        bail!("expected at least {N} inputs, input {missing} is missing");
    }
    Ok(given.map(|one| one.expect("none is missing")))
}

/// An input that the node leaves out, or not.
pub(crate) fn optional<'a, T: Given<'a>>(inputs: &'a [Option<T>], ix: usize) -> Option<&'a T::One> {
    inputs.get(ix).and_then(Option::as_ref).map(Given::one)
}

/// What a kernel is given for an input.
pub(crate) trait Given<'a>: 'a {
    /// A fact or a tensor.
    type One: 'a;
    /// Looks at it.
    fn one(&'a self) -> &'a Self::One;
}

impl<'a, 'f: 'a> Given<'a> for &'f TypedFact {
    type One = TypedFact;
    fn one(&'a self) -> &'a TypedFact {
        self
    }
}

impl<'a> Given<'a> for TValue {
    type One = Tensor;
    fn one(&'a self) -> &'a Tensor {
        self
    }
}

/// Checks the type of an input.
pub(crate) fn accept(what: &str, fact: &TypedFact, types: &[DatumType]) -> TractResult<()> {
    let datum_type = if fact.datum_type.is_tdim() { DatumType::I64 } else { fact.datum_type };
    ensure!(types.contains(&datum_type), "expected {what} of type {types:?}, got {:?}", fact.datum_type);
    Ok(())
}

/// The fact of an output whose lengths are computed from values that may be anything.
pub(crate) fn fact(datum_type: DatumType, shape: TVec<TDim>) -> TractResult<TypedFact> {
    let negative = shape.iter().any(|len| len.to_i64().is_ok_and(|len| len < 0));
    ensure!(!negative, "expected an output of lengths of 0 or more, got {shape:?}");
    Ok(datum_type.fact(shape))
}

/// The integers of an input, where they are known before the run. They may be symbolic.
pub(crate) fn ints_of(fact: &TypedFact) -> Option<TVec<TDim>> {
    let tensor = fact.konst.as_ref()?.cast_to::<TDim>().ok()?;
    Some(tensor.try_as_plain_ram().ok()?.as_slice::<TDim>().ok()?.into())
}

/// Strings or other elements that are not `Copy` into a tensor.
pub(crate) fn tensor_of<T: Datum>(shape: &[usize], elements: Vec<T>) -> TractResult<Tensor> {
    Ok(tract_ndarray::ArrayD::from_shape_vec(shape, elements)?.into_tensor())
}

/// The elements of a tensor, in row-major order.
pub(crate) fn elements<T: Datum>(tensor: &Tensor) -> TractResult<&[T]> {
    tensor.try_as_plain_ram()?.as_slice::<T>()
}

/// The number of elements of a shape that grows with attributes or with products of lengths: an error where memory
/// could not hold them, for a wrapped product would make a tensor smaller than its shape.
pub(crate) fn checked_len(shape: &[usize]) -> TractResult<usize> {
    let len = shape.iter().try_fold(1usize, |len, axis| len.checked_mul(*axis));
    len.filter(|len| *len <= isize::MAX as usize / 8)
        .with_context(|| format!("an output of shape {shape:?} is too large"))
}

#[derive(Clone, Debug)]
pub(crate) struct KernelOp {
    kernel: Arc<dyn Kernel>,
    operator: Arc<str>,
    /// Which of the operator's inputs the node has.
    inputs: TVec<bool>,
    /// Which of its outputs the node names; tract counts only those.
    outputs: TVec<bool>,
    lengths: Arc<Lengths>,
}

/// Only a clone is equal: comparing parameters would cost more than merging two nodes could save.
impl PartialEq for KernelOp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kernel, &other.kernel)
    }
}

impl Eq for KernelOp {}

impl KernelOp {
    /// An operator of `inputs` inputs and one output, for a node that takes the place of others in a typed graph.
    pub(crate) fn new(kernel: impl Kernel, operator: &str, inputs: usize, symbols: SymbolScope) -> Self {
        Self {
            kernel: Arc::new(kernel),
            operator: operator.into(),
            inputs: std::iter::repeat_n(true, inputs).collect(),
            outputs: tvec!(true),
            lengths: Lengths::of(symbols),
        }
    }

    /// As [`Kernel::plans_when_run`].
    pub(crate) fn plans_when_run(&self) -> bool {
        self.kernel.plans_when_run()
    }

    /// The kernel, if it is a `K`.
    pub(crate) fn kernel<K: Kernel>(&self) -> Option<Arc<K>> {
        Arc::downcast(Arc::clone(&self.kernel) as Arc<dyn std::any::Any + Send + Sync>).ok()
    }

    /// Puts what the node gives at the places of the operator's inputs.
    fn placed<T>(&self, given: impl IntoIterator<Item = T>) -> TVec<Option<T>> {
        let mut given = given.into_iter();
        self.inputs.iter().map(|present| if *present { given.next() } else { None }).collect()
    }

    fn named<T>(&self, all: TVec<T>) -> TVec<T> {
        all.into_iter().zip(&self.outputs).filter(|(_, named)| **named).map(|(one, _)| one).collect()
    }
}

impl Op for KernelOp {
    fn name(&self) -> StaticName {
        self.operator.to_string().into()
    }

    fn mints_runtime_symbols(&self) -> bool {
        self.lengths.used.load(Relaxed) > 0
    }

    op_as_typed_op!();
}

impl EvalOp for KernelOp {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        if !self.kernel.folds() {
            return Ok(None);
        }
        // A kernel relies on what its facts refuse; in a plan they were asked before.
        let fact = |value: &TValue| {
            let datum_type = value.datum_type();
            (if datum_type.is_tdim() { i64::datum_type() } else { datum_type }).fact(value.shape())
        };
        let facts = inputs.iter().map(fact).collect::<TVec<_>>();
        self.output_facts(&facts.iter().collect::<TVec<_>>())?;
        self.eval(&EvalContext::out_of_plan(), inputs).map(Some)
    }

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut inputs = self.placed(inputs);
        for input in inputs.iter_mut().flatten().filter(|input| input.datum_type().is_tdim()) {
            *input = input.cast_to::<i64>()?.into_owned().into_tvalue();
        }
        let outputs = self.kernel.run(inputs)?.into_iter().zip(&self.outputs);
        Ok(outputs.filter(|(_, named)| **named).map(|(output, _)| output.into_tvalue()).collect())
    }
}

impl TypedOp for KernelOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let inputs = self.placed(inputs.iter().copied());
        let facts = self.kernel.facts(&inputs, &self.lengths)?;
        let beyond = self.outputs.iter().skip(facts.len()).any(|named| *named);
        ensure!(
            !beyond,
            "{} gives {} outputs, the node names {}",
            self.operator,
            facts.len(),
            self.outputs.len()
        );
        Ok(self.named(facts))
    }

    as_op!();
}

impl InferenceOp for KernelOp {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let mut outputs = outputs.into_iter().cloned().collect::<TVec<_>>();
        let known = inputs.iter().map(|fact| typed(fact)).collect::<Option<TVec<_>>>();
        if let Some(known) = known {
            let facts = self.output_facts(&known.iter().collect::<TVec<_>>())?;
            // Of constants tract has computed the values already, with the lengths that are unknown to us.
            let open = |output: &InferenceFact| output.value.concretize().is_none();
            for (output, fact) in outputs.iter_mut().zip(facts).filter(|(output, _)| open(output)) {
                output.unify_with(&InferenceFact::from(fact))?;
            }
        }
        let own = |facts: TVec<&InferenceFact>| facts.into_iter().cloned().collect();
        Ok((own(inputs), outputs, own(observed)))
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.outputs.iter().filter(|named| **named).count())
    }

    fn to_typed(
        &self,
        _source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let mut inputs = tvec!();
        for (ix, outlet) in node.inputs.iter().enumerate() {
            let outlet = mapped(mapping, *outlet)?;
            // tract types int64 values that may be shapes as `TDim`; a kernel works on data.
            inputs.push(if target.outlet_fact(outlet)?.datum_type.is_tdim() {
                let name = format!("{}.input-{ix}-as-int64", node.name);
                target.wire_node(name, cast(i64::datum_type()), &[outlet])?[0]
            } else {
                outlet
            });
        }
        target.wire_node(&node.name, self.clone(), &inputs)
    }

    as_op!();
}

/// The typed outlet of one that is not typed: none where a node names an output that its operator does not
/// give.
pub(crate) fn mapped(mapping: &HashMap<OutletId, OutletId>, outlet: OutletId) -> TractResult<OutletId> {
    mapping.get(&outlet).copied().context("it reads an output that another operator does not give")
}

/// The fact once type and shape are known; `TDim` is int64, unless its value is symbolic, which `ints_of` reads.
fn typed(fact: &InferenceFact) -> Option<TypedFact> {
    let typed = TypedFact::try_from(fact).ok()?;
    if !typed.datum_type.is_tdim() {
        return Some(typed);
    }
    match typed.konst.as_ref().map(|value| value.cast_to::<i64>()) {
        Some(Ok(value)) => TypedFact::try_from(value.into_owned().into_arc_tensor()).ok(),
        Some(Err(_)) => Some(typed),
        None => Some(i64::fact(typed.shape.iter())),
    }
}
