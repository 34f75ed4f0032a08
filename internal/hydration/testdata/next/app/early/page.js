import Script from "next/script";
import { Hydrated } from "../client";
import { others } from "../others";

export default async function Page() {
  const at = await others();
  return (
    <>
      <h1>Early</h1>
      <Hydrated page="early" />
      <Script src={at("tags", "/early.js")} strategy="beforeInteractive" />
    </>
  );
}
