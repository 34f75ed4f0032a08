// The guard stands first in the head, behind base, where something is held on the page.
// What releases is loaded when there is something to release.
import { k, p, temoin, v, waiting } from "../hold";

temoin.r = temoin.use = (service?: string) => {
  k[service!] = ""; // on this page it needs no answer
  import(`${p}/release.js?v=${v}`).then(() => temoin.z!(waiting));
};
