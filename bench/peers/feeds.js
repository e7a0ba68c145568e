// A row as onnxruntime-web's tensors, as a page would make them.
const KINDS = {
  BYTES: ["string", (values) => values],
  INT64: ["int64", (values) => BigInt64Array.from(values, BigInt)],
  FP32: ["float32", (values) => Float32Array.from(values)],
};

export const feeds = (ort, inputs, row) => Object.fromEntries(inputs.map(({ name, datatype, shape }) => {
  const [type, elements] = KINDS[datatype];
  return [name, new ort.Tensor(type, elements([row[name]].flat(Infinity)), [1, ...shape.slice(1)])];
}));
