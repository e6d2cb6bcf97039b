// client-sessions of Mozilla: AES-CBC and HMAC by one key for all.

import { createHash } from "node:crypto";

import clientSessions from "client-sessions";

import manifest from "../../node_modules/client-sessions/package.json" with { type: "json" };
import sample from "../sample.json" with { type: "json" };

export const NAME = "client-sessions on Node";
export const VERSION = manifest.version;

const key = (use) => createHash("sha256").update(use + sample.password).digest();
const options = {
  cookieName: "session",
  encryptionKey: key("encryption"),
  signatureKey: key("signature"),
  duration: sample.ttl * 1000,
};

export const seal = (data) => clientSessions.util.encode(options, data);
export const unseal = (text) => clientSessions.util.decode(options, text).content;
