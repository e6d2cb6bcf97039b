// One competitor in a Node of its own: worker.py for JavaScript, which says what the operations are.

import { createInterface } from "node:readline";

import sample from "./sample.json" with { type: "json" };

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
  describe: async () => ({
    name: competitor.NAME,
    version: competitor.VERSION,
    length: (await competitor.seal(sample.data)).length,
  }),
  "round trip": async () => competitor.unseal(await competitor.seal(sample.data)),
  seal: (seconds) => bestTime(competitor.seal, sample.data, seconds),
  unseal: async (seconds) =>
    bestTime(competitor.unseal, await competitor.seal(sample.data), seconds),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, seconds } = JSON.parse(line);
  console.log(JSON.stringify(await operations[operation](seconds)));
}
