// What a developer writes against the types of the churn model; the lines that are marked must not compile.

import { InvalidInputError, infer, load, model, predict, predictBatch, type Row } from "churn";

const { build }: { build: "relaxed" | "baseline" } = await load();
const row: Row = { ...model.sample, tenure: 12, Contract: "One year" };
const answer = predict(row);
const label: "No" | "Yes" | undefined = answer.label;
const shares: number[] | undefined = predictBatch([row, { ...row, TotalCharges: null }])[0]?.probability;
const { data } = infer({ tenure: Float32Array.of(12) }, ["probabilities"])["probabilities"]!;
const where = (error: unknown) => (error instanceof InvalidInputError ? error.feature : undefined);

// @ts-expect-error: no such contract
const wrong: Row = { ...row, Contract: "One month" };
// @ts-expect-error: not a number
const worse: Row = { ...row, tenure: "12" };
// @ts-expect-error: a feature is missing
const less: Row = { tenure: 12 };

export { build, data, label, less, shares, where, worse, wrong };
