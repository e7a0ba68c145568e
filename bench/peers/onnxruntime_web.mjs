// onnxruntime-web under Node: its WebAssembly build, one thread. Loads a model, times it and tells its outputs, as
// bench/src/sides/peer.rs asks: a request is a line of JSON on standard input, its answer a line on standard output.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// This file does not lie where the package is installed.
const require = createRequire(pathToFileURL(`${process.argv[2]}/`));
const ort = require("onnxruntime-web");
ort.env.wasm.numThreads = 1;

const ARRAYS = { FP32: Float32Array, FP64: Float64Array, INT64: BigInt64Array, BYTES: Array };
const TYPES = { FP32: "float32", FP64: "float64", INT64: "int64", BYTES: "string" };
const NUMBERS = new Set(["float32", "float64"]);

let session;
let sets;

const peer = {
  version: () => `onnxruntime-web ${ort.env.versions.web}, Node ${process.versions.node}`,

  // `inputs` is a list of sets of tensors, each a prediction.
  async load({ model, inputs }) {
    await session?.release();
    session = await ort.InferenceSession.create(readFileSync(model), { executionProviders: ["wasm"] });
    sets = inputs.map((tensors) => Object.fromEntries(tensors.map((tensor) => [tensor.name, toTensor(tensor)])));
  },

  // The seconds that `runs` predictions took.
  async time({ runs }) {
    const start = performance.now();
    for (let number = 0; number < runs; number++) {
      await session.run(sets[number % sets.length]);
    }
    return (performance.now() - start) / 1000;
  },

  // The outputs for every set.
  async outputs() {
    const all = [];
    for (const tensors of sets) {
      const outputs = await session.run(tensors);
      all.push(session.outputNames.map((name) => toValues(outputs[name])));
    }
    return all;
  },
};

function toTensor({ datatype, shape, data }) {
  const element = { INT64: BigInt, BYTES: String }[datatype] ?? ((value) => value ?? NaN);
  return new ort.Tensor(TYPES[datatype], ARRAYS[datatype].from(data, element), shape);
}

function toValues({ type, data }) {
  return NUMBERS.has(type) ? { numbers: Array.from(data) } : { exact: Array.from(data, String) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = { done: (await peer[request.do](request)) ?? null };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
