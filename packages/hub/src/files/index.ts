// The door of files/: looking into the machines of one's projects.
export { createNodeFiles } from "./node-files.ts";
