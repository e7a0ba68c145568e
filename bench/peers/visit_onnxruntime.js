// The same with onnxruntime-web.
import * as ort from "./ort.wasm.min.mjs";
import { feeds } from "./feeds.js";
import { inputs } from "./inputs.js";
import row from "./row.js";

ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create("model.onnx");
const { probabilities } = await session.run(feeds(ort, inputs, row));
window.first = { seconds: performance.now() / 1000, probability: Array.from(probabilities.data) };
