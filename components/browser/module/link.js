// An instance of a model with the component that reads rows for it. The translated bindings make it and see to all that
// is rare. Calls that compute go past them, by the canonical ABI of `wit/inference.wit`: the bindings keep books of tasks
// for every call, which takes longer than a small model. Imports nothing, as scorer.js.
// Source: https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md

const PREDICT = "edgewit:inference/predict@0.1.0";
const SCORING = "edgewit:browser/scoring@0.1.0";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a function of the component gave as its error: the name of a case, and its text. */
export class Failure extends Error {
  constructor(kind, text) {
    super(text);
    this.kind = kind;
  }
}
const KINDS = ["invalid-input", "unsupported", "execution"];

// The memory of a core instance. Growing it detaches the views, which have no length then.
class Memory {
  #exports;
  #bytes = new Uint8Array();
  #words = new Uint32Array();

  constructor(exports) {
    this.#exports = exports;
  }

  get bytes() {
    return this.#bytes.length ? this.#bytes : (this.#bytes = new Uint8Array(this.#exports.memory.buffer));
  }

  get words() {
    return this.#words.length ? this.#words : (this.#words = new Uint32Array(this.#exports.memory.buffer));
  }

  room(length, alignment) {
    return this.#exports.cabi_realloc(0, 0, alignment, length);
  }

  put(bytes, alignment) {
    const at = this.room(bytes.length, alignment);
    this.bytes.set(bytes, at);
    return at;
  }

  // The address and the length of a list, which lie at `at`.
  pair(at) {
    const { words } = this;
    return [words[at >> 2], words[(at >> 2) + 1]];
  }

  setPair(at, start, count) {
    const { words } = this;
    words[at >> 2] = start;
    words[(at >> 2) + 1] = count;
  }

  // The list of bytes, or of elements of so many bytes, at `at`.
  list(at, size = 1) {
    const [start, count] = this.pair(at);
    return this.bytes.subarray(start, start + count * size);
  }

  text(at) {
    return decoder.decode(this.list(at));
  }
}

const readStrings = (memory, [start, count]) => Array.from({ length: count }, (_, ix) => memory.list(start + 8 * ix));

const writeStrings = (memory, strings) => {
  const start = memory.room(8 * strings.length, 4);
  strings.forEach((bytes, ix) => memory.setPair(start + 8 * ix, memory.put(bytes, 1), bytes.length));
  return start;
};

// A tensor has 32 bytes: name, datatype at 8, shape at 12, the kind of its data at 20, and that at 24.
const readTensors = (memory, [start, count]) => Array.from({ length: count }, (_, ix) => {
  const at = start + 32 * ix;
  const strings = memory.bytes[at + 20] === 1;
  return {
    name: memory.list(at),
    datatype: memory.bytes[at + 8],
    shape: memory.list(at + 12, 8),
    strings: strings ? readStrings(memory, memory.pair(at + 24)) : undefined,
    data: strings ? undefined : memory.list(at + 24),
  };
});

const writeTensors = (memory, tensors) => {
  const start = memory.room(32 * tensors.length, 4);
  tensors.forEach(({ name, datatype, shape, strings, data }, ix) => {
    const at = start + 32 * ix;
    memory.setPair(at, memory.put(name, 1), name.length);
    memory.setPair(at + 12, memory.put(shape, 8), shape.length / 8);
    memory.setPair(at + 24, strings ? writeStrings(memory, strings) : memory.put(data, 1), (strings ?? data).length);
    memory.bytes[at + 8] = datatype;
    memory.bytes[at + 20] = strings ? 1 : 0;
  });
  return start;
};

/** Makes an instance of compiled core modules. */
export const link = async ({ instantiate, modules }) => {
  let model;
  let rows;

  // Calls the model, and gives its result to `use` before it is freed.
  const call = (name, inputs, count, outputs, use) => {
    const { exports, memory } = model;
    const names = outputs ? writeStrings(memory, outputs) : 0;
    const result = exports[`${PREDICT}#${name}`](inputs, count, outputs ? 1 : 0, names, outputs?.length ?? 0);
    try {
      return use(memory, result);
    } finally {
      exports[`cabi_post_${PREDICT}#${name}`](result);
    }
  };

  // What the component calls: a message from its memory, and the result, another or an error, back into it at `to`.
  const predictMessage = (start, length, some, names, named, to) => {
    const { memory } = rows;
    const outputs = some ? readStrings(memory, [names, named]) : undefined;
    const message = model.memory.put(memory.bytes.subarray(start, start + length), 1);
    call("predict-protobuf", message, length, outputs, (from, result) => {
      const failed = from.bytes[result];
      const at = failed ? 8 : 4;
      const bytes = from.list(result + at);
      memory.setPair(to + at, memory.put(bytes, 1), bytes.length);
      if (failed) memory.bytes[to + 4] = from.bytes[result + 4];
      memory.bytes[to] = failed;
    });
  };

  const start = async (module, imports) => {
    const ours = imports?.[PREDICT] && { [PREDICT]: { ...imports[PREDICT], "predict-protobuf": predictMessage } };
    const instance = await WebAssembly.instantiate(module, { ...imports, ...ours });
    const part = { exports: instance.exports, memory: new Memory(instance.exports) };
    if (instance.exports[`${PREDICT}#predict`]) model = part;
    if (instance.exports[`${SCORING}#predict`]) rows = part;
    return instance;
  };
  const { [SCORING]: scoring } = await instantiate((path) => modules[path], {}, start);
  scoring.prepare();

  // A function of the component: text and the time in, text out.
  const ask = (name) => (input) => {
    const { exports, memory } = rows;
    const bytes = encoder.encode(input);
    const result = exports[`${SCORING}#${name}`](memory.put(bytes, 1), bytes.length, Date.now());
    try {
      if (memory.bytes[result]) throw new Failure(KINDS[memory.bytes[result + 4]], memory.text(result + 8));
      return memory.text(result + 4);
    } finally {
      exports[`cabi_post_${SCORING}#${name}`](result);
    }
  };

  return {
    predict: ask("predict"),
    predictBatch: ask("predict-batch"),
    /** Tensors of `name`, `datatype` (its position in the interface), `shape` and `data` or `strings`, all as bytes. */
    infer: (tensors, outputs) => {
      const inputs = writeTensors(model.memory, tensors);
      return call("predict", inputs, tensors.length, outputs, (memory, result) => {
        if (memory.bytes[result]) throw new Failure(KINDS[memory.bytes[result + 4]], memory.text(result + 8));
        const copy = ({ name, datatype, shape, strings, data }) => ({
          name: decoder.decode(name), datatype, shape: shape.slice(), data: data?.slice(),
          strings: strings?.map((text) => decoder.decode(text)),
        });
        return readTensors(memory, memory.pair(result + 4)).map(copy);
      });
    },
    table: () => new scoring.Table(),
  };
};
