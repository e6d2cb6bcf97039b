// cookie-session of Express, from a session to its two cookies, which it signs only.

import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";

import cookieSession from "cookie-session";

import manifest from "../../node_modules/cookie-session/package.json" with { type: "json" };
import sample from "../sample.json" with { type: "json" };

export const NAME = "cookie-session on Node (signs only)";
export const VERSION = manifest.version;

const middleware = cookieSession({
  name: "session",
  keys: [sample.password],
  maxAge: sample.ttl * 1000,
});
const socket = new Socket();

function exchange(cookie) {
  const request = new IncomingMessage(socket);
  if (cookie) request.headers.cookie = cookie;
  const response = new ServerResponse(request);
  middleware(request, response, () => {});
  return { request, response };
}

export const seal = (data) => {
  const { request, response } = exchange();
  request.session = data;
  response.writeHead(200);
  return response.getHeader("set-cookie").map((header) => header.split(";")[0]).join("; ");
};
export const unseal = (text) => ({ ...exchange(text).request.session });
