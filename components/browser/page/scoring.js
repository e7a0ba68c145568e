// Where predictions are made: in a worker of this page, or on the server that the page came from.

import { choose, open } from "./loader.js";
import * as given from "./model.js";

const { builds, model } = given;
const root = new URL("./", location.href);
const { origin, version } = document.documentElement.dataset;

// Whether the server that the page came from can be asked, too.
export const hosted = origin === "host";

// Whether it asks for keys, and what then goes with each request: it has another model.js (key.js). What a key protects is
// not kept on the device.
export const guarded = "headers" in given;
const request = guarded ? { headers: given.headers, cache: "no-store" } : {};

// The cache of the service worker, which finds here what need not be fetched twice. There is none without a secure context.
const cached = async (url) => {
  const cache = guarded ? undefined : await globalThis.caches?.open(`edgewit ${root} ${version}`);
  const kept = await cache?.match(url);
  if (kept) return kept;
  const response = await fetch(url, request);
  if (response.ok) await cache?.put(url, response.clone());
  return response;
};

// An address of a script's text that the policy of a page which fetches nothing allows.
const address = async (url) => {
  const text = await (await cached(url)).arrayBuffer();
  return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
};

// From now on nothing is fetched, by whatever script. The policies of a document only ever add up.
const lock = () => {
  const policy = "default-src 'none'; script-src blob: 'wasm-unsafe-eval'; worker-src blob:; style-src 'self'";
  const meta = document.createElement("meta");
  meta.httpEquiv = "Content-Security-Policy";
  meta.content = policy;
  document.head.append(meta);
};

let code;
let parts;

// Fetches the model and everything that workers are made of.
export const load = async () => {
  const build = choose(builds);
  const opened = await open(builds, { build, fetch: cached });
  const own = (path) => address(new URL(path, import.meta.url));
  const files = [own("worker.js"), own("link.js"), own("scorer.js"), address(opened.bindings)];
  const [worker, link, scorer, bindings] = await Promise.all(files);
  code = worker;
  parts = { link, scorer, bindings, modules: opened.modules, model };
  return build;
};

export const seal = () => hosted || lock();

// A worker with the model in it. Calls are answered in their order; `report` is told how far a call is.
export class Worker {
  #worker = new globalThis.Worker(code, { type: "module" });
  #waiting = new Map();
  #next = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, result, error, progress } }) => {
      const call = this.#waiting.get(id);
      if (progress) return call?.report?.(progress);
      this.#waiting.delete(id);
      if (error) call?.reject(Object.assign(new Error(error.message), error));
      else call?.resolve(result);
    };
    this.#worker.onerror = ({ message }) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(message));
      this.#waiting.clear();
    };
    this.ask("start", [parts]);
  }

  ask(call, args, report) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, report });
      this.#worker.postMessage({ id, call, args });
    });
  }

  end() {
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(new DOMException("cancelled", "AbortError"));
  }
}

// Asks the server for the same row.
export const ask = async (row) => {
  const began = performance.now();
  const response = await fetch(new URL(`../../models/${encodeURIComponent(model.name)}/predict`, root), {
    method: "POST",
    body: JSON.stringify(row),
    headers: { ...request.headers, "content-type": "application/json" },
  });
  const answer = await response.json().catch(() => ({ error: response.statusText }));
  if (!response.ok) throw Object.assign(new Error(answer.error), { feature: answer.feature });
  return { answer, took: performance.now() - began };
};
