// JavaScript's iron-session: the cost of a shared session on its side.

import { sealData, unsealData } from "iron-session-9";

import manifest from "../../node_modules/iron-session-9/package.json" with { type: "json" };
import sample from "../sample.json" with { type: "json" };

export const NAME = "iron-session on Node";
export const VERSION = manifest.version;

const { password, ttl } = sample;

export const seal = (data) => sealData(data, { password, ttl });
export const unseal = (text) => unsealData(text, { password, ttl });
