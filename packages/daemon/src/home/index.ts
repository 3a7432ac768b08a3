// The door of home/: the daemon's folder, its lock and its files.
export { errorCode, onHome, writeFileAtomically } from "./files.ts";
export { type Home, type HomePaths, openHome, openOutbox } from "./home.ts";
