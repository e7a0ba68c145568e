/** A list of numbers, nested in the shape of the feature or flat. */
export type NestedNumbers = (number | NestedNumbers)[];

/** The features that the model takes. */
export type Row = /*{Row}*/;

/** A class of the model. */
export type Label = /*{Label}*/;

/** What the model says of a row. Which fields there are depends on what the model's outputs mean. */
export interface Answer {
  /** The position of the class among the labels, or the value. */
  prediction: number | string | number[] | Record<string, unknown> | null;
  /** The class. */
  label?: Label;
  /** The probability of each class, in the order of the labels. */
  probability?: number[];
  /** The largest probability. */
  confidence?: number;
  /** Fields of the row that the answer repeats. */
  [passedThrough: string]: unknown;
}

/** The answer to one row, which also says who answered. */
export interface Prediction extends Answer {
  model: string;
  model_version: string;
  timestamp: string;
}

/** Elements in row-major order. Strings are a list, the rest is a typed array; FP16 is Float16Array or its bits. */
export type Elements = ArrayBufferView | string[];

export interface Tensor {
  datatype: "BOOL" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64"
    | "FP16" | "FP32" | "FP64" | "BYTES";
  shape: number[];
  data: Elements;
}

/** The elements of an input, flat or nested. Without a shape, one axis of any length is found from their number. */
export type Input = Elements | unknown[] | { data: Elements | unknown[]; shape?: number[] };

export interface LoadOptions {
  /** Instead of the fastest build that the engine can run. */
  build?: "relaxed" | "baseline";
  /** In the place of `fetch`. */
  fetch?: (url: URL) => Promise<Response>;
}

/** A row of a CSV file. */
export interface TableRow {
  /** Its number as a spreadsheet counts; the header is row 1. */
  row: number;
  cells?: string[];
  answer?: Answer;
  /** Why there is no answer. */
  error?: string;
}

/** A CSV file that comes in pieces. */
export interface Table {
  /** Predicts the rows that these bytes complete. `csv` is the same as a piece of a file. */
  push(bytes: Uint8Array, cells?: boolean): { rows: TableRow[]; csv: string };
  /** Predicts the last row, where its line does not end. */
  finish(cells?: boolean): { rows: TableRow[]; csv: string };
  /** The names of the columns. */
  header(): string[];
}

/** Fetches and compiles the model, once; after a failure it starts the model afresh. */
export function load(options?: LoadOptions): Promise<{ build: "relaxed" | "baseline" }>;
/** The answer to one row. */
export function predict(row: Row): Prediction;
/** The answers to several rows, which are computed together. */
export function predictBatch(rows: Row[]): Answer[];
/** The model's outputs for its inputs, both as tensors by name. */
export function infer(tensors: Record<string, Input>, outputs?: string[]): Record<string, Tensor>;
/** A CSV file that comes in pieces. */
export function table(): Table;

/** What is known of the model. */
export const model: {
  name: string;
  version: string;
  /** SHA-256 of the ONNX file. */
  digest: string;
  labels: string[];
  /** A row to try. */
  sample: Row;
  [about: string]: unknown;
};

/** There is no prediction. */
export class PredictionError extends Error {}
/** The request does not fit the model. */
export class InvalidInputError extends PredictionError {
  /** The row of a batch, counted from 0. */
  row?: number;
  /** The field of the row. */
  feature?: string;
}
/** The model needs something that its predictor cannot do. */
export class UnsupportedError extends PredictionError {}
/** The model failed while computing. */
export class ExecutionError extends PredictionError {}
