import { Hydrated } from "../client";
import { others } from "../others";

// React shows nothing of what needs a style sheet before that is there.
export default async function Page() {
  const at = await others();
  return (
    <>
      <link rel="stylesheet" href={at("fonts", "/styles.css")} precedence="default" />
      <h1>Styles</h1>
      <Hydrated page="styles" />
    </>
  );
}
