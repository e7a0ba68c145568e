// Computes beside the page, so that the page never waits. Made of its text, without an address of its own: so it has the
// policy of the page, which allows no connection. The page says where the other parts lie.

let parts;
let scorer;
let warm;
let fixed;

const prepare = async ({ bindings, link, scorer, modules, model }) => {
  const [{ instantiate }, linker, { Scorer }] = await Promise.all([bindings, link, scorer].map((address) => import(address)));
  return async () => new Scorer(await linker.link({ instantiate, modules }), model);
};

// One that has failed is replaced.
const ready = async () => {
  const start = await parts;
  if (!scorer || (await scorer).failed) scorer = start();
  return scorer;
};

const calls = {
  async start(given) {
    fixed = given.model.inputs.some(({ shape }) => shape[0] > 0);
    parts = prepare(given);
    await parts;
  },
  async predict(row) {
    const scorer = await ready();
    // The engine compiles what a prediction needs at the first one, which would show in its time.
    if (warm !== scorer) scorer.predict(row);
    warm = scorer;
    const began = performance.now();
    const answer = scorer.predict(row);
    return { answer, took: performance.now() - began };
  },
  async batch(rows) {
    const scorer = await ready();
    // A model may take one row at a time.
    return fixed ? rows.map((row) => scorer.predict(row)) : scorer.predictBatch(rows);
  },
  async table(file, shown, report) {
    const table = (await ready()).table();
    const summary = new Summary(report);
    const reader = file.stream().getReader();
    for (let read = 0; ;) {
      const { done, value } = await reader.read();
      summary.add(done ? table.finish(summary.rows < shown) : table.push(value, summary.rows < shown), table.header(), shown);
      read += value?.length ?? 0;
      summary.tell(file.size ? read / file.size : 1, done);
      if (done) return summary.end();
    }
  },
};

// What the page shows of a file while it is read: the first rows, how many there are of each class, and a histogram.
class Summary {
  rows = 0;
  wrong = 0;
  classes = {};
  #values = [];
  #fresh = [];
  #header = [];
  #csv = [];
  #report;
  #told = 0;

  constructor(report) {
    this.#report = report;
  }

  add({ rows, csv }, header, shown) {
    this.#header = header;
    this.#csv.push(csv);
    // Strings would stay in memory; the browser may put a blob on disk.
    if (this.#csv.length >= 64) this.#csv = [new Blob(this.#csv)];
    for (const row of rows) {
      if (this.rows++ < shown) this.#fresh.push(row);
      if (row.error !== undefined) this.wrong++;
      else this.#count(row.answer);
    }
  }

  #count({ label, prediction, probability }) {
    const name = label ?? (probability ? String(prediction) : undefined);
    if (name !== undefined) this.classes[name] = (this.classes[name] ?? 0) + 1;
    const value = probability ? probability[probability.length === 2 ? 1 : prediction] : prediction;
    if (typeof value === "number") this.#values.push(value);
  }

  tell(progress, done) {
    const now = performance.now();
    if (!done && now - this.#told < 100) return;
    this.#told = now;
    const { rows, wrong, classes } = this;
    this.#report({ progress, rows, wrong, classes, header: this.#header, fresh: this.#fresh, bins: this.#bins(done) });
    this.#fresh = [];
  }

  // Twenty bins from the smallest to the largest value; probabilities from 0 to 1. Counted a last time at the end.
  #bins(done) {
    const values = this.#values;
    if (!values.length || !(done || values.length < 100_000)) return undefined;
    let [from, to] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < from) from = value;
      if (value > to) to = value;
    }
    if (from >= 0 && to <= 1) [from, to] = [0, 1];
    const counts = Array(20).fill(0);
    for (const value of values) counts[Math.min(19, Math.floor(((value - from) / (to - from || 1)) * 20))]++;
    return { from, to, counts };
  }

  end() {
    return { rows: this.rows, wrong: this.wrong, csv: new Blob(this.#csv, { type: "text/csv" }) };
  }
}

self.onmessage = async ({ data: { id, call, args } }) => {
  try {
    const result = await calls[call](...args, (progress) => postMessage({ id, progress }));
    postMessage({ id, result });
  } catch (error) {
    const { name, message, row, feature } = error;
    postMessage({ id, error: { name, message, row, feature } });
  }
};
