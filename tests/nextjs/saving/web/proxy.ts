// A proxy that saves, for the requests that ask for it.
import { getIronSession, nextProxyCookies } from "iron-session";
import { type NextRequest, NextResponse } from "next/server";
import { type SessionData, sessionOptions } from "./lib/options";

export async function proxy(request: NextRequest) {
  const response = NextResponse.next();
  const jar = nextProxyCookies(request, response);
  const session = await getIronSession<SessionData & { seen?: number }>(jar, sessionOptions);
  session.seen = (session.seen ?? 0) + 1;
  await session.save();
  return response;
}

export const config = {
  matcher: [{ source: "/:path*", has: [{ type: "header", key: "x-proxy-saves" }] }],
};
