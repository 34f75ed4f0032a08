// Loaded by the guard when there is something to release.
import { queue } from "../release";

window.temoin.z = queue;
