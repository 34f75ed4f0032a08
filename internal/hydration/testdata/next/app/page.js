import { Hydrated } from "./client";
import { others } from "./others";

export default async function Page() {
  const at = await others();
  return (
    <>
      <h1>First</h1>
      <Hydrated page="first" />
      <iframe
        title="film"
        src={at("video", "/film.html?a=b&c=d")}
        width="400"
        height="225"
        allow="fullscreen; encrypted-media"
        referrerPolicy="strict-origin"
        sandbox="allow-scripts allow-same-origin allow-top-navigation-by-user-activation allow-forms"
        loading="lazy"
      />
      <img alt="" src={at("counter", "/pixel.gif")} />
      <p>The end of the page.</p>
    </>
  );
}
