// A site on node:http with the iron-session package named by the first argument.
// Prints its port. The session options travel in the query, so that one server plays
// every configuration. Ends when its standard input does.

import { createServer } from "node:http";
import { json } from "node:stream/consumers";

const { getIronSession } = await import(process.argv[2]);

const routes = {
  "GET /session": async () => {},
  "PATCH /session": async (session, request) => {
    Object.assign(session, await json(request));
    await session.save();
  },
  "PUT /session": async (session, request) => {
    for (const key of Object.keys(session)) delete session[key];
    Object.assign(session, await json(request));
    await session.save();
  },
  "POST /session": async (session, request) => {
    Object.assign(session, await json(request));
    await session.save();
    await session.save();
  },
  "DELETE /session": async (session) => {
    await session.destroy();
  },
};

function readOptions(text) {
  const options = JSON.parse(text);
  const { cookieOptions } = options;
  if (cookieOptions?.expires) cookieOptions.expires = new Date(cookieOptions.expires);
  if (cookieOptions?.maxAge === null) cookieOptions.maxAge = undefined;
  return options;
}

async function handle(request, response) {
  const url = new URL(request.url, "http://localhost");
  const reasons = [];
  const session = await getIronSession(request, response, {
    ...readOptions(url.searchParams.get("options")),
    onUnsealError: (reason) => reasons.push(reason),
  });
  await routes[`${request.method} ${url.pathname}`](session, request);
  return { session, reasons };
}

const server = createServer(async (request, response) => {
  let status = 200;
  let body;
  try {
    body = await handle(request, response);
  } catch (error) {
    status = 500;
    body = { error: error.message };
  }
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify(body));
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
