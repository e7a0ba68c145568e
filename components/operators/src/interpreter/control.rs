//! Operators with subgraphs: `If`, `Loop`, `Scan`, `SequenceMap`.
//!
//! Sources: <https://onnx.ai/onnx/operators/onnx__If.html>, `onnx__Loop.html`, `onnx__Scan.html`,
//! `onnx__SequenceMap.html`. A subgraph reads the values around it by name.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::tract_hir::internal::*;

use super::graph::{Declared, Graph, Scope};
use super::value::{Value, part, stack};
use crate::array::pick;
use crate::kernel::{self, Built, Kernel, Lengths, elements};

/// The operators of this file, by name.
pub(crate) const OPERATORS: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];

#[derive(Debug)]
pub(super) enum Control {
    If { then: Graph, otherwise: Graph },
    Loop(Loop),
    Scan(Scan),
    SequenceMap(Graph),
}

impl Control {
    /// None for a node of another operator.
    pub(super) fn new(ctx: &ParsingContext, node: &NodeProto) -> TractResult<Option<Self>> {
        let graph = |name| -> TractResult<Graph> { Graph::new(ctx, node.get_attr::<&GraphProto>(name)?) };
        Ok(Some(match &*node.op_type {
            "If" => Self::If { then: graph("then_branch")?, otherwise: graph("else_branch")? },
            "Loop" => Self::Loop(Loop { body: graph("body")? }),
            "Scan" => Self::Scan(Scan::new(ctx, node)?),
            "SequenceMap" => Self::SequenceMap(graph("body")?),
            _ => return Ok(None),
        }))
    }

    /// The names of the values around it that it reads.
    pub(super) fn outer(&self) -> Vec<&String> {
        match self {
            Self::If { then, otherwise } => then.outer().iter().chain(otherwise.outer()).collect(),
            Self::Loop(Loop { body }) | Self::Scan(Scan { body, .. }) | Self::SequenceMap(body) => {
                body.outer().iter().collect()
            }
        }
    }

    pub(super) fn run(&self, inputs: Vec<Option<Value>>, around: &Scope) -> TractResult<Vec<Value>> {
        match self {
            Self::If { then, otherwise } => {
                let condition = inputs.into_iter().next().flatten().context("the condition is missing")?;
                let branch = if condition.scalar::<bool>()? { then } else { otherwise };
                branch.run(vec![], around)
            }
            Self::Loop(looped) => looped.run(inputs, around),
            Self::Scan(scan) => scan.run(inputs, around),
            Self::SequenceMap(body) => sequence_map(body, inputs, around),
        }
    }
}

/// Runs its body a number of times, as long as a condition holds. The body takes the iteration, the condition and the
/// carried values; it gives the condition, the carried values and a part of each scan output.
#[derive(Debug)]
pub(super) struct Loop {
    body: Graph,
}

impl Loop {
    fn run(&self, inputs: Vec<Option<Value>>, around: &Scope) -> TractResult<Vec<Value>> {
        let mut inputs = inputs.into_iter();
        let trips = inputs.next().flatten().map(Value::scalar::<i64>).transpose()?.unwrap_or(i64::MAX);
        let mut going = inputs.next().flatten().map(Value::scalar::<bool>).transpose()?.unwrap_or(true);
        let mut carried = inputs.map(|value| value.unwrap_or(Value::Absent)).collect::<Vec<_>>();
        let outputs = self.body.outputs().len();
        ensure!(outputs > carried.len(), "the body gives {outputs} values, fewer than it carries");
        let mut scanned: Vec<Vec<Tensor>> = vec![vec![]; outputs - 1 - carried.len()];
        let mut trip = 0;
        while going && trip < trips {
            let mut given = vec![Value::tensor(tensor0(trip)), Value::tensor(tensor0(true))];
            given.append(&mut carried);
            let states = given.len() - 2;
            let mut results = self.body.run(given, around)?.into_iter();
            going = results.next().context("the body gives no condition")?.scalar::<bool>()?;
            carried.extend(results.by_ref().take(states));
            for (parts, result) in scanned.iter_mut().zip(results) {
                parts.push(result.into_tensor()?.into_tensor());
            }
            trip += 1;
        }
        let declared = &self.body.declared()[1 + carried.len()..];
        let stacked = scanned.into_iter().zip(declared).map(|(parts, declared)| stacked(parts, 0, declared));
        carried.into_iter().map(Ok).chain(stacked).collect()
    }
}

/// The parts along `axis`. Without a part, type and shape are as declared: float, and no other axis, where they are not.
fn stacked(parts: Vec<Tensor>, axis: usize, declared: &Declared) -> TractResult<Value> {
    if !parts.is_empty() {
        return Ok(Value::tensor(stack(parts, axis)?));
    }
    let shape = declared.shape.iter().flatten().map(|length| length.unwrap_or(0));
    let mut shape = shape.collect::<TVec<usize>>();
    shape.insert(axis.min(shape.len()), 0);
    Ok(Value::tensor(Tensor::zero_dt(declared.datum_type.unwrap_or(f32::datum_type()), &shape)?))
}

/// The builder of `Loop` for a plan: the body is interpreted, what is around it is planned.
pub(crate) fn looped(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let mut ctx = ctx.clone();
    ctx.parent_graphs.clear();
    let body = Graph::new(&ctx, node.get_attr::<&GraphProto>("body")?)?;
    let outer = body.outer().to_vec();
    kernel::wire_closing_over(&ctx, node, PlannedLoop { outer: outer.clone(), inner: Loop { body } }, outer)
}

#[derive(Debug)]
struct PlannedLoop {
    inner: Loop,
    outer: Vec<String>,
}

impl Kernel for PlannedLoop {
    fn facts(&self, inputs: &[Option<&TypedFact>], lengths: &Lengths) -> TractResult<TVec<TypedFact>> {
        let carried = (inputs.len() - self.outer.len()).saturating_sub(2);
        let declared = self.inner.body.declared().iter().skip(1).enumerate();
        declared
            .map(|(slot, declared)| {
                let datum_type = declared.datum_type.context("the body declares no type of an output")?;
                let shape = declared.shape.as_ref().context("the body declares no shape of an output")?;
                let scanned = (slot >= carried).then_some(&None);
                let lengths =
                    scanned.into_iter().chain(shape).enumerate().map(|(axis, length)| match length {
                        Some(length) => length.to_dim(),
                        None => lengths.unknown(slot, axis),
                    });
                Ok(datum_type.fact(lengths.collect::<TVec<_>>()))
            })
            .collect()
    }

    fn plans_when_run(&self) -> bool {
        true
    }

    fn run(&self, inputs: TVec<Option<TValue>>) -> TractResult<TVec<Tensor>> {
        let mut inputs = inputs.into_vec();
        let outer = inputs.split_off(inputs.len() - self.outer.len());
        let outer = self.outer.iter().map(String::as_str).zip(outer);
        let around = Scope::of(outer.filter_map(|(name, value)| Some((name, Value::Tensor(value?)))));
        let inputs = inputs.into_iter().map(|value| value.map(Value::Tensor)).collect();
        let outputs = self.inner.run(inputs, &around)?;
        outputs.into_iter().map(|value| Ok(value.into_tensor()?.into_tensor())).collect()
    }
}

/// Runs its body over the parts of its scan inputs.
#[derive(Debug)]
pub(super) struct Scan {
    body: Graph,
    scanned: usize,
    input_axes: Vec<i64>,
    output_axes: Vec<i64>,
    input_directions: Vec<i64>,
    output_directions: Vec<i64>,
    /// Version 8: a batch axis before the scanned one, and lengths of sequences as the first input.
    batched: bool,
}

impl Scan {
    fn new(ctx: &ParsingContext, node: &NodeProto) -> TractResult<Self> {
        let ints = |name| crate::attributes::ints(node, name);
        let batched = ctx.onnx_operator_set_version == 8;
        Ok(Self {
            body: Graph::new(ctx, node.get_attr::<&GraphProto>("body")?)?,
            scanned: node.get_attr::<usize>("num_scan_inputs")?,
            input_axes: ints("scan_input_axes")?,
            output_axes: ints("scan_output_axes")?,
            input_directions: ints(if batched { "directions" } else { "scan_input_directions" })?,
            output_directions: ints("scan_output_directions")?,
            batched,
        })
    }

    fn run(&self, inputs: Vec<Option<Value>>, around: &Scope) -> TractResult<Vec<Value>> {
        let tensors = |inputs: Vec<Option<Value>>| {
            let tensor = |value: Option<Value>| value.context("an input is missing")?.into_tensor();
            inputs.into_iter().map(tensor).collect::<TractResult<Vec<_>>>()
        };
        if !self.batched {
            return Ok(self.one(tensors(inputs)?, None, around)?.into_iter().map(Value::tensor).collect());
        }
        let mut inputs = inputs.into_iter();
        let lengths = inputs.next().flatten().map(Value::into_tensor).transpose()?;
        let inputs = tensors(inputs.collect())?;
        let batch = inputs.first().and_then(|input| input.shape().first().copied()).unwrap_or(0);
        ensure!(
            batch > 0 && inputs.iter().all(|input| input.shape().first() == Some(&batch)),
            "expected inputs with one batch axis"
        );
        let mut columns: Vec<Vec<Tensor>> = vec![];
        for row in 0..batch {
            let length = match &lengths {
                Some(lengths) => {
                    ensure!(
                        lengths.len() == batch,
                        "expected {batch} sequence lengths, got {}",
                        lengths.len()
                    );
                    let lengths = lengths.cast_to::<i64>()?;
                    Some(usize::try_from(elements::<i64>(&lengths)?[row])?)
                }
                None => None,
            };
            let row = inputs.iter().map(|input| Ok(part(input, 0, row)?.into_tvalue()));
            let results = self.one(row.collect::<TractResult<_>>()?, length, around)?;
            columns.resize(results.len(), vec![]);
            columns.iter_mut().zip(results).for_each(|(column, result)| column.push(result));
        }
        columns.into_iter().map(|column| Ok(Value::tensor(stack(column, 0)?))).collect()
    }

    /// Scans the inputs, or as much of them as `length` says.
    fn one(&self, inputs: Vec<TValue>, length: Option<usize>, around: &Scope) -> TractResult<Vec<Tensor>> {
        ensure!(
            self.scanned > 0 && self.scanned <= inputs.len(),
            "expected {} scan inputs, got {} inputs",
            self.scanned,
            inputs.len()
        );
        let states = inputs.len() - self.scanned;
        let outputs = self.body.outputs().len();
        ensure!(outputs >= states, "the body gives {outputs} values, fewer than its {states} states");
        let (carried, sources) = inputs.split_at(states);
        let mut carried = carried.iter().cloned().map(Value::Tensor).collect::<Vec<_>>();
        let axes = sources
            .iter()
            .enumerate()
            .map(|(ix, source)| pick::axis(self.input_axes.get(ix).copied().unwrap_or(0), source.rank()));
        let axes = axes.collect::<TractResult<Vec<_>>>()?;
        let shortest = sources.iter().zip(&axes).map(|(source, axis)| source.shape()[*axis]).min();
        let shortest = shortest.unwrap_or(0);
        let trips = length.unwrap_or(shortest);
        ensure!(trips <= shortest, "a sequence of {trips} is longer than its input, {shortest}");

        let mut scanned: Vec<Vec<Tensor>> = vec![vec![]; outputs - states];
        for trip in 0..trips {
            let mut given = std::mem::take(&mut carried);
            for (ix, (source, axis)) in sources.iter().zip(&axes).enumerate() {
                let backwards = self.input_directions.get(ix) == Some(&1);
                let position = if backwards { trips - 1 - trip } else { trip };
                given.push(Value::tensor(part(source, *axis, position)?));
            }
            let mut results = self.body.run(given, around)?.into_iter();
            carried.extend(results.by_ref().take(states));
            for (parts, result) in scanned.iter_mut().zip(results) {
                parts.push(result.into_tensor()?.into_tensor());
            }
        }
        let mut all = carried
            .into_iter()
            .map(|value| Ok(value.into_tensor()?.into_tensor()))
            .collect::<TractResult<Vec<_>>>()?;
        for (ix, mut parts) in scanned.into_iter().enumerate() {
            if self.output_directions.get(ix) == Some(&1) {
                parts.reverse();
            }
            let declared = self.body.declared()[states + ix].shape.as_ref();
            let rank = 1 + parts.first().map_or(declared.map_or(0, |shape| shape.len()), Tensor::rank);
            let axis = pick::axis(self.output_axes.get(ix).copied().unwrap_or(0), rank)?;
            all.push(stacked(parts, axis, &self.body.declared()[states + ix])?.into_tensor()?.into_tensor());
        }
        Ok(all)
    }
}

/// Runs the body on the elements at each position. An input that is a tensor is the same at each.
fn sequence_map(body: &Graph, inputs: Vec<Option<Value>>, around: &Scope) -> TractResult<Vec<Value>> {
    let inputs = inputs.into_iter().flatten().collect::<Vec<_>>();
    let Some(Value::Sequence(first)) = inputs.first() else { bail!("the first input is not a sequence") };
    let mut results = vec![vec![]; body.outputs().len()];
    for position in 0..first.len() {
        let element = |input: &Value| match input {
            Value::Sequence(values) => {
                values.get(position).cloned().context("the sequences differ in length")
            }
            other => Ok(other.clone()),
        };
        let given = inputs.iter().map(element).collect::<TractResult<Vec<_>>>()?;
        for (sequence, result) in results.iter_mut().zip(body.run(given, around)?) {
            sequence.push(result);
        }
    }
    Ok(results.into_iter().map(Value::Sequence).collect())
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{AttributeProto, attribute_proto::AttributeType};

    use super::*;
    use crate::testing::{compute, model_of, node};

    /// Adds up its carried value and 1, and scans the sums; goes on while the sum is below 4.
    fn counting() -> NodeProto {
        let of = |op_type: &str, inputs: &[&str], output: &str| NodeProto {
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![output.into()],
            name: output.into(),
            ..node("", op_type, vec![])
        };
        let (trip, going, carried) = (tensor0(0i64), tensor0(true), tensor1(&[0f32]));
        let inputs = [("trip", &trip), ("going", &going), ("carried", &carried)];
        let one = AttributeProto {
            name: "value_floats".into(),
            r#type: AttributeType::Floats as i32,
            floats: vec![1.0],
            ..Default::default()
        };
        let four = AttributeProto { floats: vec![4.0], ..one.clone() };
        let constant =
            |attribute, output| NodeProto { attribute: vec![attribute], ..of("Constant", &[], output) };
        let nodes = vec![
            constant(one, "one"),
            constant(four, "four"),
            of("Add", &["carried", "one"], "sum"),
            of("Less", &["sum", "four"], "below"),
            of("Squeeze", &["below"], "on"),
            of("Identity", &["sum"], "seen"),
        ];
        let mut body = model_of(nodes, &inputs, false, &["on", "sum", "seen"]).graph.unwrap();
        let typed = |tensor: &Tensor| {
            model_of(vec![], &[("", tensor)], false, &[]).graph.unwrap().input[0].r#type.clone()
        };
        body.output[0].r#type = typed(&going);
        body.output[1].r#type = typed(&carried);
        body.output[2].r#type = typed(&carried);
        let body = AttributeProto {
            name: "body".into(),
            r#type: AttributeType::Graph as i32,
            g: Some(body),
            ..Default::default()
        };
        NodeProto { output: vec!["last".into(), "all".into()], ..node("", "Loop", vec![body]) }
    }

    fn run(trips: Option<i64>, going: Option<bool>) -> Vec<Tensor> {
        let inputs = [trips.map(tensor0), going.map(tensor0), Some(tensor1(&[0f32]))];
        compute(counting(), &inputs).unwrap()
    }

    #[test]
    fn a_loop_ends_by_its_count_or_by_its_condition() {
        let expected = |len: usize| {
            let sums = (1..=len).map(|sum| [sum as f32]).collect::<Vec<_>>();
            vec![tensor1(&[len as f32]), tensor2(&sums)]
        };
        assert_eq!(run(Some(2), Some(true)), expected(2));
        assert_eq!(run(Some(9), Some(true)), expected(4));
        assert_eq!(run(None, Some(true)), expected(4));
        assert_eq!(run(Some(2), None), expected(2));
    }

    #[test]
    fn a_loop_without_a_trip_gives_its_start_and_empty_scans_of_the_declared_type() {
        for outputs in [run(Some(0), Some(true)), run(Some(9), Some(false))] {
            assert_eq!(outputs[0], tensor1(&[0f32]));
            assert_eq!((outputs[1].shape(), outputs[1].datum_type()), (&[0usize, 1][..], f32::datum_type()));
        }
    }
}
