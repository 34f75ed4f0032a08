import Script from "next/script";
import { useEffect } from "react";

// The strategy "worker" is of the older router alone.
export default function Page({ src }) {
  useEffect(() => {
    document.documentElement.dataset.hydrated = "worker";
  }, []);
  return (
    <main>
      <h1>Worker</h1>
      <Script src={src} strategy="worker" />
    </main>
  );
}

export const getServerSideProps = async () => ({ props: { src: process.env.OTHERS.replace("*", "tags") + "/worker.js" } });
