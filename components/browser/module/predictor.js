// A model as an ES module. It runs where it is loaded: in a page, a worker, Node, Deno or Bun.

import { link } from "./link.js";
import { open } from "./loader.js";
import { builds, model } from "./model.js";
import { ExecutionError, Scorer } from "./scorer.js";

export { ExecutionError, InvalidInputError, PredictionError, UnsupportedError } from "./scorer.js";
export { model };

let opened;
let scorer;

/** Fetches and compiles the model, once; again after a failure it starts afresh. */
export const load = async (options) => {
  opened ??= open(builds, options);
  try {
    const parts = await opened;
    if (!scorer || scorer.failed) scorer = new Scorer(await link(parts), model);
    return { build: parts.build };
  } catch (error) {
    opened = undefined;
    throw error;
  }
};

/** The answer to one row. */
export const predict = (row) => loaded().predict(row);

/** The answers to several rows, which are computed together. */
export const predictBatch = (rows) => loaded().predictBatch(rows);

/** The model's outputs for its inputs, both as tensors by name. */
export const infer = (tensors, outputs) => loaded().infer(tensors, outputs);

/** A CSV file that comes in pieces. */
export const table = () => loaded().table();

const loaded = () => {
  if (!scorer) throw new ExecutionError("the model is not loaded; await load() first");
  return scorer;
};
