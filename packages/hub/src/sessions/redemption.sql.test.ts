// Invites, used: what one lets in, what is refused and how, and that it lets in once.
import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { onBothDatabases } from "../schema/test-databases.ts";
import { machine, openPeople, type People } from "./testing/people.ts";

let people: People;
beforeEach(async () => {
  people = await openPeople();
});
afterEach(async () => {
  await people.close();
});

const count = async (table: string): Promise<number> =>
  Number((await people.opened.query(`SELECT count(*) AS count FROM ${table}`))[0]?.["count"]);

onBothDatabases("an invite that is used", () => {
  it("NOD-3 makes a principal with its role and a token, and keeps hashes alone", async () => {
    const invite = await people.invite("collaborator");
    const redeemed = await people.redeem(invite);
    expect(redeemed).toMatchObject({
      sessionId: people.sessionId,
      sessionTitle: "Default session",
      role: "collaborator",
    });
    const caller = await people.as(redeemed.token);
    expect(caller).toMatchObject({ principalKind: "human", displayName: "Somebody", scope: "full" });
    expect([...caller.roles]).toEqual([[people.sessionId, "collaborator"]]);
    const rows = JSON.stringify(await people.dump());
    for (const secret of [invite, redeemed.token]) {
      expect(rows).not.toContain(secret);
      expect(rows).toContain(createHash("sha256").update(secret).digest("hex"));
    }
  });

  it("NOD-3 enrols the machine that comes along, with a slot that waits for its uplink and is in doubt until then", async () => {
    const token = await people.invite("runtime_contributor");
    const laptop = machine("laptop");
    const { principalId } = await people.redeem(token, laptop.joining(token));
    expect(await people.opened.query("SELECT node_id, owner, public_key, epoch FROM nodes")).toEqual([
      { node_id: "laptop", owner: principalId, public_key: laptop.publicKey, epoch: 0 },
    ]);
    expect(
      await people.opened.query("SELECT node_id, session_id, participant_id, state FROM runtime_node_attachments"),
    ).toEqual([{ node_id: "laptop", session_id: people.sessionId, participant_id: principalId, state: "registering" }]);
    expect(await people.opened.query("SELECT node_id, health_state FROM runtime_node_presence")).toEqual([
      { node_id: "laptop", health_state: "degraded" },
    ]);
    expect(await count("runtime_node_attachment_log")).toBe(1);
  });
});
