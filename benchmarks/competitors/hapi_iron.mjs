// The package that defined the protocol.

import Iron from "@hapi/iron";

import manifest from "../../node_modules/@hapi/iron/package.json" with { type: "json" };
import sample from "../sample.json" with { type: "json" };

export const NAME = "@hapi/iron on Node";
export const VERSION = manifest.version;

const options = { ...Iron.defaults, ttl: sample.ttl * 1000 };

export const seal = (data) => Iron.seal(data, sample.password, options);
export const unseal = (text) => Iron.unseal(text, sample.password, options);
