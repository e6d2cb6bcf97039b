// Reads and writes whatever it is sent, by the options that the query names.
import { getIronSession } from "iron-session";
import { cookies } from "next/headers";
import { sessionOptions } from "../../../lib/options";

const { cookieOptions } = sessionOptions;
const variants: Record<string, typeof sessionOptions> = {
  plain: sessionOptions,
  chunked: { ...sessionOptions, chunk: true },
  endless: { ...sessionOptions, cookieOptions: { ...cookieOptions, maxAge: undefined } },
};

async function open(request: Request) {
  const variant = new URL(request.url).searchParams.get("options") ?? "plain";
  return getIronSession<Record<string, unknown>>(await cookies(), variants[variant]);
}

export async function GET(request: Request) {
  return Response.json({ ...(await open(request)) });
}

export async function POST(request: Request) {
  const session = await open(request);
  Object.assign(session, await request.json());
  await session.save();
  return Response.json({ ...session });
}

export async function DELETE(request: Request) {
  const session = await open(request);
  const known = ["visits", "user"];
  for (const key of Object.keys(session)) if (!known.includes(key)) delete session[key];
  await session.save();
  return Response.json({ ...session });
}
