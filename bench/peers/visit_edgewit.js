// From nothing to a first prediction with the module of `edgewit web`.
import { load, predict } from "./predictor.js";
import row from "./row.js";

await load();
const answer = predict(row);
window.first = { seconds: performance.now() / 1000, probability: answer.probability };
