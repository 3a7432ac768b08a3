// The door of leases/: rights that one process of a database has at a time.
export { type HeldLease, holds, LeaseKeeper, type LeaseOptions } from "./leases.ts";
