// Loaded by the guard when there is something to release.
import { queue } from "../release";

// What the page's policy would stop waits for the page to be loaded again.
window.temoin.z = (waiting) => window.temoin.y == 2 || queue(waiting);
