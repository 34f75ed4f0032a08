"use client";

import Link from "next/link";
import Script from "next/script";
import { useEffect, useState } from "react";

const log = (what) => (window.log ??= []).push(what);

// Says when React has taken over, and has a button that only then works.
export function Hydrated({ page }) {
  const [clicks, click] = useState(0);
  useEffect(() => {
    document.documentElement.dataset.hydrated = page;
  }, [page]);
  return (
    <button id="clicks" onClick={() => click(clicks + 1)}>
      {clicks} clicks
    </button>
  );
}

export function Links() {
  return (
    <nav>
      {["/", "/second", "/streamed", "/styles"].map((to) => (
        <Link key={to} href={to} prefetch={false}>
          {to}
        </Link>
      ))}
    </nav>
  );
}

// The framework's script components: one of a vendor, one that is written in the page.
export function Tags({ src }) {
  return (
    <>
      <Script id="inline">{`(window.log ??= []).push("inline")`}</Script>
      <Script src={src} strategy="afterInteractive" onLoad={() => log("onLoad tags.js")} onReady={() => log("onReady tags.js")} />
      <Script src={src.replace("tags.js", "lazy.js")} strategy="lazyOnload" />
    </>
  );
}

// What comes into the page after a click.
export function More({ film, chat }) {
  const [more, show] = useState(false);
  return (
    <section>
      <button id="more" onClick={() => show(true)}>
        More
      </button>
      {more && (
        <>
          <iframe title="more" src={film} width="300" height="150" />
          <div dangerouslySetInnerHTML={{ __html: `<iframe title="text" src="${film}?text" width="300" height="150"></iframe>` }} />
          <Script src={chat} />
        </>
      )}
    </section>
  );
}
