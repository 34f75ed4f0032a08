import { Hydrated, More } from "../client";
import { others } from "../others";

export default async function Page() {
  const at = await others();
  return (
    <>
      <h1>Second</h1>
      <Hydrated page="second" />
      <iframe title="second" src={at("video", "/second.html")} width="400" height="225" allow="fullscreen" />
      <script async src={at("tags", "/second.js")} />
      <More film={at("video", "/more.html")} chat={at("tags", "/chat.js")} />
    </>
  );
}
