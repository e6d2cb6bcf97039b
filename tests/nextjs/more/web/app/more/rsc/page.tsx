// A server component that writes, and says what came of it.
import { getSession } from "../../../lib/session";

export default async function Page() {
  const session = await getSession();
  const found: string[] = [];
  try {
    await session.save();
  } catch (error) {
    found.push(String(error));
  }
  try {
    session.destroy();
  } catch (error) {
    found.push(String(error));
  }
  return <p id="shown">{JSON.stringify(found)}</p>;
}
