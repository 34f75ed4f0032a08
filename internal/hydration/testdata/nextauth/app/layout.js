import Script from "next/script";
import { Links, Provider, Tags, Who } from "./client";
import { others } from "./others";

export const metadata = { title: "NextAuth" };

export default async function Layout({ children }) {
  const at = await others();
  return (
    <html lang="en">
      <head>
        <script src={at("counter", "/counter.js")} />
        <script dangerouslySetInnerHTML={{ __html: `(window.log ??= []).push("own")` }} />
      </head>
      <body>
        <Provider>
          <Links />
          <Who />
          <main>{children}</main>
        </Provider>
        <Script src={at("tags", "/before.js")} strategy="beforeInteractive" />
        <Tags at={{ after: at("tags", "/after.js"), lazy: at("tags", "/lazy.js") }} />
        <script async src={at("counter", "/last.js")} />
      </body>
    </html>
  );
}
