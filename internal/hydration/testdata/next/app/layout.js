import { Links, Tags } from "./client";
import { others } from "./others";

export const metadata = { title: "Next" };

export default async function Layout({ children }) {
  const at = await others();
  return (
    <html lang="en">
      <head>
        <script src={at("counter", "/counter.js")} />
        <script dangerouslySetInnerHTML={{ __html: `(window.log ??= []).push("own")` }} />
        <script async src={at("counter", "/async.js")} />
      </head>
      <body>
        <Links />
        <main>{children}</main>
        <script src={at("counter", "/last.js")} />
        <Tags src={at("tags", "/tags.js")} />
      </body>
    </html>
  );
}
