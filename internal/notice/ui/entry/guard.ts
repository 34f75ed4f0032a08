// The guard stands first in the head, behind base, where something is held on the page.
// What releases is loaded when there is something to release.
import { temoin, waiting } from "../hold";

temoin.use = (service?: string) => {
  temoin.f += service + "=1&"; // on this page it needs no answer
  import(temoin.p + temoin.v.replace("centre", "release")).then(
    () => temoin.z!(waiting),
    () => temoin.k("re"),
  );
};
