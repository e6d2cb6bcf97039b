// A server component that asks Python without passing the cookies on.
export default async function Page() {
  const answer = await fetch(`${process.env.PYTHON_URL}/py/me`, { cache: "no-store" });
  return <p id="shown">{await answer.text()}</p>;
}

export const dynamic = "force-dynamic";
