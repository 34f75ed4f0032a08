import { connection } from "next/server";

// An address at somebody else's host. The port is known when the server runs, not
// when it is built.
export async function others() {
  await connection();
  return (name, path) => process.env.OTHERS.replace("*", name) + path;
}
