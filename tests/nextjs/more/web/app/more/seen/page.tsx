// Shows all of the session, to a server component.
import { getSession } from "../../../lib/session";

export default async function Page() {
  return <p id="shown">{JSON.stringify({ ...(await getSession()) })}</p>;
}
