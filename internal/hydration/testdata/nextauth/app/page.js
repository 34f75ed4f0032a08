import { Hydrated } from "./client";
import { others } from "./others";

export default async function Page() {
  const at = await others();
  return (
    <>
      <h1>First</h1>
      <Hydrated page="first" />
      <iframe title="film" src={at("video", "/film.html")} width="400" height="225" allow="fullscreen" />
    </>
  );
}
