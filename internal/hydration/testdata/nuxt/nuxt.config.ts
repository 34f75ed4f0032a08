export default defineNuxtConfig({
  compatibilityDate: "2026-01-01",
  telemetry: false,
  devtools: { enabled: false },
  app: { head: { title: "Nuxt", htmlAttrs: { lang: "en" } } },
  runtimeConfig: { gate: "", public: { others: "" } }, // set when the server runs
});
