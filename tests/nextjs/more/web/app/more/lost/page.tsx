// A server component that makes Python write.
import { cookies } from "next/headers";

export default async function Page() {
  const cookie = (await cookies()).toString();
  const url = `${process.env.PYTHON_URL}/py/count`;
  const answer = await fetch(url, { method: "POST", headers: { cookie }, redirect: "manual" });
  return <p id="shown">{JSON.stringify(answer.headers.has("set-cookie"))}</p>;
}
