import { Chat, Hydrated } from "../client";
import { others } from "../others";

export default async function Page() {
  const at = await others();
  return (
    <>
      <h1>Second</h1>
      <Hydrated page="second" />
      <iframe title="second" src={at("video", "/second.html")} width="400" height="225" />
      <script async src={at("counter", "/second.js")} />
      <Chat src={at("tags", "/chat.js")} />
    </>
  );
}
