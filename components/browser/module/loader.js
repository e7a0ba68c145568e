// Fetches and compiles the fastest build of a model that this engine can run.

// A module with one relaxed instruction (i8x16.relaxed_swizzle).
const RELAXED = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 16, 1, 14, 0, 65, 0, 253, 15, 65, 0, 253, 15, 253, 128, 2, 26, 11,
);

// Which of the `builds` to take: the relaxed one where there is one and the engine takes it.
export const choose = (builds) => (builds.relaxed && WebAssembly.validate(RELAXED) ? "relaxed" : "baseline");

// A build with its core modules compiled. `fetch` gets a URL and gives a response.
export const open = async (builds, { build = choose(builds), fetch = get } = {}) => {
  if (!builds[build]) throw new RangeError(`there is no build "${build}", but ${Object.keys(builds).join(", ")}`);
  const { modules, ...rest } = builds[build];
  const compiled = Object.entries(modules).map(async ([path, url]) => [path, await compile(await fetch(url), url)]);
  return { build, ...rest, modules: Object.fromEntries(await Promise.all(compiled)) };
};

const compile = async (response, url) => {
  if (!response.ok) throw new Error(`cannot fetch ${url}: ${response.status} ${response.statusText}`);
  const stream = response.body.pipeThrough(new DecompressionStream("gzip"));
  const plain = new Response(stream, { headers: { "content-type": "application/wasm" } });
  // Compiles while the rest is still on its way.
  if (WebAssembly.compileStreaming) return WebAssembly.compileStreaming(plain);
  return WebAssembly.compile(await plain.arrayBuffer());
};

const get = async (url) => {
  // Node's fetch takes no files.
  if (url.protocol !== "file:" || !globalThis.process?.versions?.node) return globalThis.fetch(url);
  const files = "node:fs/promises"; // Not a constant in the call, so that bundlers for browsers leave it alone.
  return new Response(await (await import(/* @vite-ignore */ files)).readFile(url));
};
