/** An address at somebody else's host. */
export const useOthers = () => {
  const { others } = useRuntimeConfig().public;
  return (name: string, path: string) => others.replace("*", name) + path;
};

/** Runs in the browser, when the page is taken over. */
export const useHydrated = (page: string) => onMounted(() => (document.documentElement.dataset.hydrated = page));
