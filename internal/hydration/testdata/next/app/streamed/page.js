import { Suspense } from "react";
import { Hydrated } from "../client";
import { others } from "../others";

// Comes when the test opens the gate.
async function Late() {
  const at = await others();
  await fetch(process.env.GATE, { cache: "no-store" });
  return (
    <section id="late">
      <h2>Late</h2>
      <iframe title="late" src={at("video", "/late.html")} width="400" height="225" />
      <script async src={at("counter", "/late.js")} />
      <Hydrated page="late" />
    </section>
  );
}

export default function Page() {
  return (
    <>
      <h1>Streamed</h1>
      <Suspense fallback={<p id="waiting">Waiting</p>}>
        <Late />
      </Suspense>
    </>
  );
}
