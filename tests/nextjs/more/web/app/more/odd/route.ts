// Saves what JSON has no name for, and answers with the error's message.
import { getIronSession } from "iron-session";
import { cookies } from "next/headers";
import { sessionOptions } from "../../../lib/options";

const values: Record<string, unknown> = {
  Date: new Date(0),
  Map: new Map(),
  bigint: BigInt(1),
  undefined: undefined,
};

export async function POST(request: Request) {
  const session = await getIronSession<Record<string, unknown>>(await cookies(), sessionOptions);
  session.before = 1;
  session.odd = values[new URL(request.url).searchParams.get("value") ?? ""];
  try {
    await session.save();
  } catch (error) {
    return new Response(String(error));
  }
  return new Response("saved");
}
