// Prints the Set-Cookie lines with which h3 sets a session: its password, name and size are given
// as JSON in the first argument.

import { H3, updateSession } from "h3";

const { password, name, size } = JSON.parse(process.argv[2]);
const app = new H3().get("/", async (event) => {
  await updateSession(event, { password, name }, { text: "x".repeat(size) });
  return "";
});
const response = await app.request("/");
console.log(response.headers.getSetCookie().join("\n"));
