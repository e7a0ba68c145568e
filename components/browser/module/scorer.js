// Asks a model: rows, tensors and CSV files in, answers out. Imports nothing, so that a worker can be made of its
// text.

/** There is no prediction. */
export class PredictionError extends Error {
  name = "PredictionError";
}

/** The request does not fit the model. `row` and `feature` say where, if they can. */
export class InvalidInputError extends PredictionError {
  name = "InvalidInputError";
  constructor(message, { row, feature } = {}) {
    super(message);
    this.row = row;
    this.feature = feature;
  }
}

/** The model needs something that its predictor cannot do. */
export class UnsupportedError extends PredictionError {
  name = "UnsupportedError";
}

/** The model failed while computing. */
export class ExecutionError extends PredictionError {
  name = "ExecutionError";
}

export class Scorer {
  #calls;
  #inputs;

  /** Over an instance, as `link` makes it. */
  constructor(calls, model) {
    this.#calls = calls;
    this.#inputs = known(model.inputs);
  }

  /** Whether it has failed and answers no more. */
  get failed() {
    return !this.#calls;
  }

  predict(row) {
    return JSON.parse(this.#ask((calls) => calls.predict(JSON.stringify(row))));
  }

  predictBatch(rows) {
    return JSON.parse(this.#ask((calls) => calls.predictBatch(JSON.stringify(rows)))).predictions;
  }

  infer(tensors, outputs) {
    const inputs = Object.entries(tensors).map(([name, tensor]) => lower(this.#inputs, name, tensor));
    const names = outputs?.map((name) => encoder.encode(name));
    const results = this.#ask((calls) => calls.infer(inputs, names));
    return Object.fromEntries(results.map((tensor) => [tensor.name, lift(tensor)]));
  }

  /** Reads a CSV file in pieces: `push(bytes)` and `finish()` give `{ rows, csv }`, `header()` the names of the columns. */
  table() {
    const table = this.#ask((calls) => calls.table());
    const piece = (call) => {
      const { rows, csv } = this.#ask(call);
      return { rows: JSON.parse(rows), csv };
    };
    return {
      push: (bytes, cells = true) => piece(() => table.push(bytes, cells)),
      finish: (cells = true) => piece(() => table.finish(cells)),
      header: () => this.#ask(() => table.header()),
    };
  }

  #ask(call) {
    if (this.failed) throw new ExecutionError("the model has failed; load it again");
    try {
      return call(this.#calls);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) {
        // Its memory may be in any state.
        this.#calls = undefined;
        throw new ExecutionError(`the model failed: ${error.message}`, { cause: error });
      }
      throw failure(error);
    }
  }
}

// What the component gave as its error, as one of ours.
const failure = (error) => {
  // Of a table, the bindings give the text alone.
  if (typeof error.payload === "string") return new InvalidInputError(error.payload);
  switch (error.kind) {
    case "invalid-input": {
      // Of rows it is an error body, of tensors a sentence.
      if (!error.message.startsWith("{")) return new InvalidInputError(error.message);
      const { error: message, ...where } = JSON.parse(error.message);
      return new InvalidInputError(message, where);
    }
    case "unsupported":
      return new UnsupportedError(error.message);
    case "execution":
      return new ExecutionError(error.message);
    default:
      return error;
  }
};

const encoder = new TextEncoder();

// The datatypes in the order of the interface, each with the array that holds its elements.
const ARRAYS = {
  BOOL: Uint8Array, UINT8: Uint8Array, UINT16: Uint16Array, UINT32: Uint32Array, UINT64: BigUint64Array,
  INT8: Int8Array, INT16: Int16Array, INT32: Int32Array, INT64: BigInt64Array,
  FP16: globalThis.Float16Array ?? Uint16Array, FP32: Float32Array, FP64: Float64Array, BYTES: undefined,
};
const DATATYPES = Object.keys(ARRAYS);

// What of an input is the same for every call, and the shapes that were found so far by the number of elements.
const known = (inputs) => new Map(inputs.map(({ name, datatype, shape }) => [name, {
  name: encoder.encode(name), datatype: DATATYPES.indexOf(datatype), Elements: ARRAYS[datatype], shape, found: new Map(),
}]));

const lower = (inputs, name, tensor) => {
  const input = inputs.get(name);
  if (!input) {
    const names = [...inputs.keys()].map((name) => JSON.stringify(name)).join(", ");
    throw new InvalidInputError(`the model has no input ${JSON.stringify(name)}; its inputs are ${names}`);
  }
  const { data, shape } = ArrayBuffer.isView(tensor) || Array.isArray(tensor) ? { data: tensor } : tensor;
  const elements = Array.isArray(data) && Array.isArray(data[0]) ? data.flat(Infinity) : data;
  const { Elements } = input;
  return {
    name: input.name, datatype: input.datatype, shape: shapeFor(input, name, elements.length, shape),
    data: Elements && bytesOf(elements instanceof Elements ? elements : Elements.from(elements, conversion(Elements))),
    strings: Elements ? undefined : elements.map(encode),
  };
};

const shapeFor = (input, name, count, given) => {
  const before = given ? undefined : input.found.get(count);
  if (before) return before;
  const axes = given ?? shapeOf(input.shape, count);
  if (axes.reduce((product, axis) => product * axis, 1) !== count) {
    throw new InvalidInputError(`input ${JSON.stringify(name)}: ${count} elements do not have the shape [${axes.join(", ")}]`);
  }
  // 64 bits each, of which the lower ones come first.
  const lengths = new Uint32Array(2 * axes.length);
  axes.forEach((axis, ix) => (lengths[2 * ix] = axis));
  if (!given) input.found.set(count, bytesOf(lengths));
  return bytesOf(lengths);
};

// Strings are mostly categories, which come again and again.
const encoded = new Map();
const encode = (text) => {
  let bytes = encoded.get(text);
  if (bytes) return bytes;
  bytes = encoder.encode(text);
  if (encoded.size === 1000) encoded.clear();
  encoded.set(text, bytes);
  return bytes;
};

const conversion = (Elements) => (Elements === BigInt64Array || Elements === BigUint64Array ? BigInt : Number);

const bytesOf = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

// One axis of any length is as long as there are elements.
const shapeOf = (shape, count) => {
  const fixed = shape.reduce((product, axis) => (axis < 0 ? product : product * axis), 1);
  return shape.map((axis) => (axis < 0 ? Math.floor(count / fixed) : axis));
};

const lift = ({ datatype, shape, strings, data }) => {
  const Elements = ARRAYS[DATATYPES[datatype]];
  const axes = Array.from(new BigUint64Array(shape.buffer), Number);
  return { datatype: DATATYPES[datatype], shape: axes, data: strings ?? new Elements(data.buffer) };
};
