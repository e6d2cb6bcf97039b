// One competitor in its own Node process: worker.py for JavaScript, which explains the operations.

import { createInterface } from "node:readline";

const BATCH_MILLISECONDS = 5;

const competitor = await import(`./competitors/${process.argv[2]}.mjs`);

async function bestTime(call, argument, seconds) {
  let calls = 1;
  let elapsed = await batchTime(call, argument, calls);
  while (elapsed < BATCH_MILLISECONDS) {
    calls *= 2;
    elapsed = await batchTime(call, argument, calls);
  }
  let best = elapsed;
  for (let left = Math.round((seconds * 1000) / elapsed); left > 0; left--) {
    best = Math.min(best, await batchTime(call, argument, calls));
  }
  return (best / calls) * 1000;
}

async function batchTime(call, argument, calls) {
  const start = performance.now();
  for (let left = calls; left > 0; left--) await call(argument);
  return performance.now() - start;
}

const operations = {
  describe: () => ({ name: competitor.NAME, version: competitor.VERSION }),
  length: async (data) => (await competitor.seal(data)).length,
  "round trip": async (data) => competitor.unseal(await competitor.seal(data)),
  seal: (data, seconds) => bestTime(competitor.seal, data, seconds),
  unseal: async (data, seconds) => bestTime(competitor.unseal, await competitor.seal(data), seconds),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, data, seconds } = JSON.parse(line);
  console.log(JSON.stringify(await operations[operation](data, seconds)));
}
