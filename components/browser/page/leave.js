// In the place of sw.js on a host that asks for keys, for browsers that have kept its page from when it did not: what was
// kept is forgotten, and the page asks for a key.

const leave = async () => {
  const kept = (await caches.keys()).filter((name) => name.startsWith(`edgewit ${registration.scope} `));
  await Promise.all(kept.map((name) => caches.delete(name)));
  await registration.unregister();
  for (const client of await clients.matchAll()) client.navigate(client.url);
};

self.addEventListener("install", () => skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(leave()));
