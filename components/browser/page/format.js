// Numbers as the reader's language writes them, and scales for drawings.

import { current } from "./words.js";

export const number = (value, digits = 4) =>
  typeof value === "number" ? new Intl.NumberFormat(current(), { maximumSignificantDigits: digits }).format(value) : String(value);

export const whole = (value) => new Intl.NumberFormat(current()).format(value);

export const percent = (value) =>
  new Intl.NumberFormat(current(), { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(value);

// Maps a range to another.
export const scale = ([from, to], [start, end]) => (value) =>
  from === to ? (start + end) / 2 : start + ((value - from) / (to - from)) * (end - start);

// What is drawn of an answer: the probability of `label`, or the value itself.
export const measure = (answer, labels, label) => {
  if (!answer) return NaN;
  if (answer.probability) return answer.probability[labels.indexOf(label)] ?? answer.confidence;
  return typeof answer.prediction === "number" ? answer.prediction : NaN;
};
