// A page of the Pages Router that writes before it is rendered.
import { getIronSession } from "iron-session";
import type { GetServerSideProps } from "next";
import { type SessionData, sessionOptions } from "../lib/options";

export const getServerSideProps: GetServerSideProps = async ({ req, res }) => {
  const session = await getIronSession<SessionData>(req, res, sessionOptions);
  session.visits = (session.visits ?? 0) + 1;
  await session.save();
  return { props: { visits: session.visits } };
};

export default function Page({ visits }: { visits: number }) {
  return <p id="shown">{visits}</p>;
}
