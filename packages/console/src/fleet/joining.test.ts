// What became of an invite for a machine.
import type { Invite, NodeSummary, SessionId } from "@muster/contracts";
import { expect, test } from "vitest";
import { joiningOf, machinesIn } from "./joining.ts";

const session = "main" as SessionId;
const node = (nodeId: string, ownerId: string, changes: object = {}): NodeSummary =>
  ({ nodeId, ownerId, sessionId: session, state: "registering", ...changes }) as unknown as NodeSummary;
const invite = (state: Invite["state"], redeemedBy: string | null = null): Invite =>
  ({ state, redeemedBy, sessionId: session }) as unknown as Invite;
const before = machinesIn([node("old", "ada")], session);

test("a machine has joined when it belongs to whoever used the invite", () => {
  const nodes = [node("old", "ada"), node("other", "ada"), node("new", "grace")];
  expect(joiningOf(invite("redeemed", "grace"), nodes, before)).toMatchObject({
    step: "joined",
    node: { nodeId: "new" },
  });
});

test("nobody has joined before the invite was used, whichever machine comes meanwhile", () => {
  expect(joiningOf(invite("pending"), [node("new", "grace")], before)).toEqual({ step: "waiting" });
  expect(joiningOf(null, [node("new", "grace")], before)).toEqual({ step: "waiting" });
});

test("an invite that was used in a browser brought no machine", () => {
  expect(joiningOf(invite("redeemed", "grace"), [node("old", "ada")], before)).toEqual({ step: "used" });
  const elsewhere = node("new", "grace", { sessionId: "side" });
  expect(joiningOf(invite("redeemed", "grace"), [elsewhere], before)).toEqual({ step: "used" });
});

test("an invite that ended lets nobody in", () => {
  expect(joiningOf(invite("revoked"), [], before)).toEqual({ step: "ended", state: "revoked" });
  expect(joiningOf(invite("expired"), [], before)).toEqual({ step: "ended", state: "expired" });
});
