"use client";

import Link from "next/link";
import Script from "next/script";
import { SessionProvider, useSession } from "next-auth/react";
import { usePathname } from "next/navigation";
import { useEffect, useState } from "react";

const log = (what) => (window.log ??= []).push(what);

export function Provider({ children }) {
  return <SessionProvider>{children}</SessionProvider>;
}

// Says who is signed in, as the browser knows it.
export function Who() {
  const { data, status } = useSession();
  return <p id="who">{status === "authenticated" ? data.user.email : status}</p>;
}

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
  const path = usePathname();
  return (
    <nav data-path={path}>
      {["/", "/second", "/checkout"].map((to) => (
        <Link key={to} href={to} prefetch={false}>
          {to}
        </Link>
      ))}
    </nav>
  );
}

// The framework's script component as a page uses it after it was taken over.
export function Tags({ at }) {
  return (
    <>
      <Script src={at.after} strategy="afterInteractive" onLoad={() => log("onLoad after.js")} onReady={() => log("onReady after.js")} />
      <Script src={at.lazy} strategy="lazyOnload" onLoad={() => log("onLoad lazy.js")} />
    </>
  );
}

// What a page that is gone to brings by the script component.
export function Chat({ src }) {
  return <Script src={src} />;
}
