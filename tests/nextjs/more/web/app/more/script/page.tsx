// The page's button, beside the counter.
import { CountButton } from "../../count-button";
import { getSession } from "../../../lib/session";

export default async function Page() {
  const { visits = 0 } = await getSession();
  return (
    <main>
      <p id="visits">{visits} visits</p>
      <CountButton />
    </main>
  );
}
