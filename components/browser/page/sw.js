// Keeps the page and the model of this version, and answers from there, with or without a network. VERSION and FILES are
// written above by whoever makes the folder.

// An origin may have several such folders, each with caches of its own.
const FOLDER = `edgewit ${registration.scope} `;
const CACHE = FOLDER + VERSION;

const earlier = async () => (await caches.keys()).filter((name) => name.startsWith(FOLDER) && name !== CACHE);

// The core modules are put here by the page, which fetches only those of its build. A later version takes the same ones.
const modules = async () => {
  const lists = await Promise.all((await earlier()).map(async (name) => (await caches.open(name)).keys()));
  return lists.flat().map((request) => request.url).filter((url) => /\/(relaxed|baseline)\//.test(url));
};

const install = async () => {
  const cache = await caches.open(CACHE);
  const fresh = (url) => new Request(url, { cache: "no-cache" });
  await cache.addAll([...FILES, ...new Set(await modules())].map(fresh));
};

const activate = async () => {
  await Promise.all((await earlier()).map((name) => caches.delete(name)));
  await clients.claim();
};

const answer = async (request) => {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
};

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", (event) => event.data === "use" && skipWaiting());
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(registration.scope)) event.respondWith(answer(event.request));
});
