// Runs the JavaScript packages for the Python tests: one JSON request a line in,
// `{id, operation, ...}`, and one JSON answer a line out, `{id, value}` or `{id, error}`.
// Session data travels as JSON text inside JSON, so that both sides see the very text.

import { createInterface } from "node:readline";

import * as hapi from "@hapi/iron";
import { parseCookie } from "cookie";
import * as ironSession8 from "iron-session-8";
import * as ironSession9 from "iron-session-9";
import * as webcrypto from "iron-webcrypto";

const sessions = { "iron-session-8": ironSession8, "iron-session-9": ironSession9 };
const protocols = { "@hapi/iron": hapi.default ?? hapi, "iron-webcrypto": webcrypto };

/** Values that JSON has no name for, to be sealed as a member or an item. */
const exotic = {
  date: () => ({ value: new Date(0) }),
  nan: () => ({ value: Number.NaN }),
  infinity: () => ({ value: Number.POSITIVE_INFINITY }),
  map: () => ({ value: new Map([["a", 1]]) }),
  set: () => ({ value: new Set([1]) }),
  "undefined in a list": () => ({ value: [undefined] }),
};

function password(given) {
  if ("text" in given) return given.text;
  if ("base64" in given) return Buffer.from(given.base64, "base64");
  if ("map" in given) {
    return Object.fromEntries(Object.entries(given.map).map(([id, one]) => [id, password(one)]));
  }
  if ("secret" in given) return { id: given.id, secret: password(given.secret) };
  return {
    id: given.id,
    encryption: password(given.encryption),
    integrity: password(given.integrity),
  };
}

const operations = {
  describe: () => ({
    node: process.version,
    nativeBase64: typeof Uint8Array.fromBase64 === "function",
  }),

  sealData: ({ package: name, json, ttl, ...rest }) =>
    sessions[name].sealData(JSON.parse(json), {
      password: password(rest.password),
      ...(ttl === undefined ? {} : { ttl }),
    }),

  unsealData: async ({ package: name, text, ...rest }) => {
    let reason = null;
    const data = await sessions[name].unsealData(text, {
      password: password(rest.password),
      onUnsealError: (given) => {
        reason = given;
      },
    });
    return { json: JSON.stringify(data), reason };
  },

  seal: ({ package: name, json, options, ...rest }) =>
    protocols[name].seal(JSON.parse(json), password(rest.password), options),

  sealExotic: ({ package: name, kind, options, ...rest }) =>
    protocols[name].seal(exotic[kind](), password(rest.password), options),

  unseal: async ({ package: name, text, options, ...rest }) => ({
    json: JSON.stringify(await protocols[name].unseal(text, password(rest.password), options)),
  }),

  plaintext: ({ text, options, ...rest }) =>
    webcrypto.unseal(text, password(rest.password), { ...options, decode: (given) => given }),

  stringify: ({ json }) => JSON.stringify(JSON.parse(json)),

  getSearchParam: ({ url, name }) => new URL(url).searchParams.get(name),

  setSearchParam: ({ url, name, value }) => {
    const changed = new URL(url);
    changed.searchParams.set(name, value);
    return changed.href;
  },

  parseCookie: ({ header }) => Object.entries(parseCookie(header)),
};

async function answer(line) {
  const { id, operation, ...given } = JSON.parse(line);
  try {
    return { id, value: await operations[operation](given) };
  } catch (error) {
    return { id, error: { name: error.name, message: error.message } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
