// Runs a model's ES module under Node, in a worker thread if asked to: reads a list of rows from a file, and prints what
// the module says of each alone, of all together, of the last as tensors, and of mistakes.
// node node.mjs FOLDER BUILD ROWS [worker]

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const answers = async ([folder, build, file]) => {
  const module = await import(pathToFileURL(resolve(folder, "predictor.js")));
  const rows = JSON.parse(readFileSync(file, "utf8"));
  const unloaded = attempt(() => module.predict(rows[0]));
  const loaded = await module.load({ build });
  const tensors = Object.fromEntries(module.model.inputs.map(({ name }) => [name, [rows.at(-1)[name]].flat(Infinity)]));
  const outputs = module.infer(tensors);
  return {
    unloaded, loaded,
    alone: rows.map((row) => module.predict(row)),
    together: module.predictBatch(rows),
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, { datatype, shape, data }]) => [name, { datatype, shape, data: Array.from(data, String) }])),
    selected: Object.keys(module.infer(tensors, [Object.keys(outputs)[1]])),
    mistakes: [
      attempt(() => module.predict({ ...rows[0], [Object.keys(rows[0])[0]]: {} })),
      attempt(() => module.predictBatch([rows[0], {}])),
      attempt(() => module.infer({ nothing: [1] })),
      attempt(() => module.infer({ ...tensors, [Object.keys(tensors)[0]]: { data: [1, 2], shape: [3] } })),
      attempt(() => module.infer({})),
    ],
    again: module.predict(rows[0]),
  };
};

const attempt = (call) => {
  try {
    return call();
  } catch (error) {
    const { name, message, row, feature } = error;
    return { name, message, row, feature };
  }
};

const [folder, build, rows, where] = isMainThread ? process.argv.slice(2) : workerData;
if (isMainThread && where === "worker") {
  const worker = new Worker(new URL(import.meta.url), { workerData: [folder, build, rows] });
  worker.on("message", (message) => console.log(JSON.stringify(message)));
} else {
  const message = await answers([folder, build, rows]);
  if (isMainThread) console.log(JSON.stringify(message));
  else parentPort.postMessage(message);
}
