// h3, the server under Nuxt: the seal of its sessions.

import { sealSession, unsealSession } from "h3";

import manifest from "../../node_modules/h3/package.json" with { type: "json" };
import sample from "../sample.json" with { type: "json" };

export const NAME = "h3 on Node";
export const VERSION = manifest.version;

const config = { password: sample.password, maxAge: sample.ttl };

export const seal = (data) => {
  const session = { id: "c4bf1a6f", createdAt: Date.now(), data };
  return sealSession({ context: { sessions: { h3: session } } }, config);
};
export const unseal = async (text) => (await unsealSession({}, config, text)).data;
