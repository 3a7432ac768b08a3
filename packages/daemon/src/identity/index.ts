// The door of identity/: this machine's key and node id.
export { type Identity, openIdentity } from "./identity.ts";
