// Invites, used: what one lets in, what is refused and how, and that it lets in once.
import { createHash } from "node:crypto";
import { SESSION_NODES_MAX, SESSION_PARTICIPANTS_MAX } from "@muster/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SLOT_LEASE_MS } from "../nodes/index.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { codeOf, machine, openNodes, openPeople, type People } from "./testing/people.ts";

const HALF_A_MINUTE_MS = 30_000;

let people: People;
beforeEach(async () => {
  people = await openPeople();
});
afterEach(async () => {
  await people.close();
});

/** The refusal, and that it changed nothing. */
const refusal = async (work: () => Promise<unknown>): Promise<string> => {
  const before = await people.dump();
  const code = await codeOf(work());
  expect(await people.dump(), code).toEqual(before);
  return code;
};

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

onBothDatabases("an invite that is no good", () => {
  it("NOD-3 is refused by its own name when it was used, revoked, guessed or has expired, and changes nothing", async () => {
    const used = await people.invite("viewer");
    await people.redeem(used);
    expect(await refusal(() => people.redeem(used))).toBe("invite_used");

    const { invite, token: revoked } = await people.invites.create(people.founder, {
      sessionId: people.sessionId,
      role: "viewer",
      expiresInHours: 1,
    });
    await people.invites.revoke(people.founder, { sessionId: people.sessionId, inviteId: invite.inviteId });
    expect(await refusal(() => people.redeem(revoked))).toBe("invite_revoked");

    expect(await refusal(() => people.redeem("A".repeat(43)))).toBe("invite_invalid");

    const late = await people.invite("viewer");
    people.opened.clock.advance(24 * 60 * 60 * 1_000 - 1);
    const inTime = await people.invite("viewer");
    people.opened.clock.advance(1);
    expect(await refusal(() => people.redeem(late))).toBe("invite_expired");
    expect(await codeOf(people.redeem(inTime))).toBe("no error");
  });

  it("into a session that was archived waits for it to be opened again, and dies with one that is closed", async () => {
    const { sessionId } = await people.sessions.create(people.founder, { title: "Short" });
    const owner = { ...people.founder, roles: new Map([[sessionId, "owner" as const]]) };
    const [first, second] = [
      await people.invite("viewer", sessionId, owner),
      await people.invite("viewer", sessionId, owner),
    ];
    await people.sessions.update(owner, { sessionId, state: "archived" });
    expect(await refusal(() => people.redeem(first))).toBe("session_archived");
    expect(await refusal(() => people.invite("viewer", sessionId, owner))).toBe("session_archived");
    await people.sessions.update(owner, { sessionId, state: "active" });
    expect(await codeOf(people.redeem(first))).toBe("no error");
    await people.sessions.update(owner, { sessionId, state: "closed" });
    expect(await refusal(() => people.redeem(second))).toBe("invite_revoked");
  });

  it("of an owner who is one no more is worthless, so nobody keeps a way back in", async () => {
    const { caller: second } = await people.join("owner");
    const backdoor = await people.invite("owner", people.sessionId, second);
    const kept = await people.invite("viewer");
    await people.sessions.setMember(people.founder, {
      sessionId: people.sessionId,
      participantId: second.principalId,
      role: "viewer",
    });
    expect(await refusal(() => people.redeem(backdoor))).toBe("invite_revoked");
    expect(await codeOf(people.redeem(kept))).toBe("no error");
  });
});

onBothDatabases("an invite that many use at once", () => {
  it("NOD-3 lets in exactly one of fifty: one principal, membership, token, node and slot", async () => {
    const token = await people.invite("runtime_contributor");
    const tables = ["principals", "session_memberships", "tokens", "nodes", "runtime_node_attachments"];
    const before = await Promise.all(tables.map(count));
    const codes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => codeOf(people.redeem(token, machine(`node-${index}`).joining(token)))),
    );
    expect(codes.filter((code) => code === "no error")).toHaveLength(1);
    expect(codes.filter((code) => code === "invite_used")).toHaveLength(49);
    expect(await Promise.all(tables.map(count))).toEqual(before.map((rows) => rows + 1));
    expect(await people.opened.query("SELECT state FROM session_invites")).toEqual([{ state: "redeemed" }]);
  });

  it("and is revoked meanwhile lets in one or none, and says so to its owner", async () => {
    const { sessionId } = people;
    for (let round = 0; round < 5; round += 1) {
      const created = await people.invites.create(people.founder, { sessionId, role: "viewer", expiresInHours: 1 });
      const { token, invite } = created;
      const [joined, revoked] = await Promise.all([
        codeOf(people.redeem(token)),
        codeOf(people.invites.revoke(people.founder, { sessionId, inviteId: invite.inviteId })),
      ]);
      expect([
        ["no error", "invite_used"],
        ["invite_revoked", "no error"],
      ]).toContainEqual([joined, revoked]);
    }
  });
});

onBothDatabases("the limits of a session", () => {
  const fill = async (participants: number): Promise<void> => {
    const { spaceId } = people.opened.identity;
    const at = "2026-01-01T00:00:00.000Z";
    for (let index = 0; index < participants; index += 1) {
      const id = `filler-${index}`;
      await people.opened.run("INSERT INTO principals VALUES (?, ?, 'human', ?, ?, NULL)", spaceId, id, id, at);
      await people.opened.run(
        "INSERT INTO session_memberships VALUES (?, ?, ?, 'viewer', 'active', ?, ?)",
        spaceId,
        people.sessionId,
        id,
        at,
        at,
      );
    }
  };

  it(`NOD-20 let in ${SESSION_PARTICIPANTS_MAX} participants and no more, also when several come at once; a revoked one makes room`, async () => {
    const { sessionId } = people;
    // The founder and the command line are members already.
    await fill(SESSION_PARTICIPANTS_MAX - 4);
    const invites = [];
    for (let index = 0; index < 8; index += 1) invites.push(await people.invite("viewer"));
    const codes = await Promise.all(invites.map((token) => codeOf(people.redeem(token))));
    expect(codes.filter((code) => code === "no error")).toHaveLength(2);
    expect(codes.filter((code) => code === "resource.limit_exceeded")).toHaveLength(6);
    const left = invites.filter((_, index) => codes[index] !== "no error");
    const [one = "", two = ""] = left;
    await expect(people.redeem(one)).rejects.toMatchObject({
      details: { resource: "participants", limit: SESSION_PARTICIPANTS_MAX, current: SESSION_PARTICIPANTS_MAX },
    });
    expect(await refusal(() => people.redeem(one))).toBe("resource.limit_exceeded");
    const filler = (await people.sessions.members(people.founder, { sessionId })).find(({ role }) => role === "viewer");
    if (filler === undefined) throw new Error("nobody to revoke");
    const change = (state: "active" | "revoked") =>
      people.sessions.setMember(people.founder, { sessionId, participantId: filler.participantId, state });
    await change("revoked");
    // Who is taken in again and who comes new compete for the one place.
    const race = await Promise.all([codeOf(change("active")), codeOf(people.redeem(one)), codeOf(people.redeem(two))]);
    expect(race.filter((code) => code === "no error")).toHaveLength(1);
    expect(race.filter((code) => code === "resource.limit_exceeded")).toHaveLength(2);
  });

  it(`NOD-20 let ${SESSION_NODES_MAX} nodes have slots and no more, and leave the invite good`, async () => {
    const { spaceId, ownerId } = people.opened.identity;
    const { sessionId } = people;
    for (let index = 0; index < SESSION_NODES_MAX - 1; index += 1) {
      await people.opened.run(
        `INSERT INTO runtime_node_attachments VALUES (?, ?, ?, ?, ?, NULL, '0.1', 'offline', 1, '', NULL, NULL)`,
        spaceId,
        `slot-${index}`,
        sessionId,
        ownerId,
        `node-${index}`,
      );
    }
    const tokens = [];
    for (let index = 0; index < 4; index += 1) tokens.push(await people.invite("runtime_contributor"));
    const codes = await Promise.all(
      tokens.map((token, index) => codeOf(people.redeem(token, machine(`late-${index}`).joining(token)))),
    );
    expect(codes.filter((code) => code === "no error")).toHaveLength(1);
    expect(codes.filter((code) => code === "resource.limit_exceeded")).toHaveLength(3);
    const left = tokens.find((_, index) => codes[index] !== "no error") ?? "";
    await expect(people.redeem(left, machine("late").joining(left))).rejects.toMatchObject({
      details: { resource: "nodes", limit: SESSION_NODES_MAX, current: SESSION_NODES_MAX },
    });
    // A person needs no slot.
    expect(await codeOf(people.redeem(left))).toBe("no error");
  });
});

onBothDatabases("a machine that joins", () => {
  const joinAs = async (laptop: ReturnType<typeof machine>, more = {}) => {
    const token = await people.invite("runtime_contributor");
    return people.redeem(token, laptop.joining(token, more));
  };

  it("NOD-7 proves its key: an unproven one, another's id and another's key are one answer, and the invite stays good", async () => {
    const laptop = machine("laptop");
    await joinAs(laptop);
    const token = await people.invite("runtime_contributor");
    const thief = machine("laptop");
    const other = machine("other");
    const attempts = [
      // Its id with a key of one's own.
      thief.joining(token),
      // Its key, which one does not hold.
      thief.joining(token, { publicKey: laptop.publicKey }),
      // A proof that was given for another invite, or another node.
      other.joining("A".repeat(43)),
      { ...other.joining(token), nodeId: laptop.nodeId },
      // It is still somebody's.
      laptop.joining(token),
    ];
    const answers = new Set<string>();
    for (const node of attempts) {
      const before = await people.dump();
      const error = await people.redeem(token, node).catch((reason: { toBody(): object }) => reason);
      answers.add(JSON.stringify("toBody" in error ? error.toBody() : error));
      expect(await people.dump()).toEqual(before);
    }
    expect([...answers]).toHaveLength(1);
    expect([...answers][0]).toContain("runtimenode.permission_denied");
    expect(await codeOf(people.redeem(token, other.joining(token)))).toBe("no error");
  });

  it("comes again with its key when its former owner is gone from everywhere, and changes hands", async () => {
    const laptop = machine("laptop");
    const first = await joinAs(laptop);
    await people.opened.run("UPDATE nodes SET epoch = 3");
    await people.sessions.setMember(people.founder, {
      sessionId: people.sessionId,
      participantId: first.principalId,
      state: "revoked",
    });
    const second = await joinAs(laptop);
    expect(await people.opened.query("SELECT owner, epoch, public_key FROM nodes")).toEqual([
      { owner: second.principalId, epoch: 3, public_key: laptop.publicKey },
    ]);
    expect(await people.opened.query("SELECT participant_id, epoch, state FROM runtime_node_attachments")).toEqual([
      { participant_id: second.principalId, epoch: 3, state: "registering" },
    ]);
  });

  it("NOD-18 that was given up for dead has the time of its lease anew when it comes again, and is given up like any other", async () => {
    const laptop = machine("laptop");
    const nodes = openNodes(people);
    const states = async () => (await people.opened.query("SELECT state FROM runtime_node_attachments"))[0]?.["state"];
    const sweepFor = async (milliseconds: number): Promise<unknown> => {
      for (let passed = 0; passed < milliseconds; passed += HALF_A_MINUTE_MS) {
        people.opened.clock.advance(HALF_A_MINUTE_MS);
        await nodes.sweep();
      }
      return states();
    };
    const { principalId: participantId } = await joinAs(laptop);
    expect(await sweepFor(2 * SLOT_LEASE_MS)).toBe("offline");
    const { sessionId } = people;
    await people.sessions.setMember(people.founder, { sessionId, participantId, state: "revoked" });
    await joinAs(laptop);
    expect(await sweepFor(SLOT_LEASE_MS - HALF_A_MINUTE_MS)).toBe("registering");
    expect(await sweepFor(2 * HALF_A_MINUTE_MS)).toBe("offline");
    await nodes.close();
  });

  it("NOD-17 whose socket is there when it comes again stays bound to it", async () => {
    const laptop = machine("laptop");
    const { principalId: participantId } = await joinAs(laptop);
    const { sessionId } = people;
    await people.opened.run("UPDATE runtime_node_presence SET connection_id = 'c1', health_state = 'online'");
    await people.sessions.setMember(people.founder, { sessionId, participantId, state: "revoked" });
    people.opened.clock.advance(1_000);
    await joinAs(laptop);
    const presence = { connection_id: "c1", health_state: "online", last_heartbeat_at: "2026-01-01T00:00:01.000Z" };
    const columns = Object.keys(presence).join(", ");
    expect(await people.opened.query(`SELECT ${columns} FROM runtime_node_presence`)).toEqual([presence]);
  });

  it("NOD-13 gets no slot where it was revoked, or while it is active in another session, and is told no session", async () => {
    const laptop = machine("laptop");
    const { principalId } = await joinAs(laptop);
    const { sessionId } = await people.sessions.create(people.founder, { title: "Another" });
    const owner = { ...people.founder, roles: new Map([[sessionId, "owner" as const]]) };
    await people.sessions.setMember(people.founder, {
      sessionId: people.sessionId,
      participantId: principalId,
      state: "revoked",
    });
    const token = await people.invite("runtime_contributor", sessionId, owner);
    const refused = await people.redeem(token, laptop.joining(token)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "runtimenode.attach_conflict" });
    expect(JSON.stringify(refused)).not.toContain(people.sessionId);
    expect(await refusal(() => people.redeem(token, laptop.joining(token)))).toBe("runtimenode.attach_conflict");
    await people.opened.run("UPDATE runtime_node_attachments SET state = 'revoked'");
    const here = await people.invite("runtime_contributor");
    expect(await refusal(() => people.redeem(here, laptop.joining(here)))).toBe("runtimenode.attach_revoked");
    expect(await codeOf(people.redeem(token, laptop.joining(token)))).toBe("no error");
  });

  it("by two invites at once is enrolled once", async () => {
    const laptop = machine("laptop");
    const tokens = [await people.invite("runtime_contributor"), await people.invite("runtime_contributor")];
    const codes = await Promise.all(tokens.map((token) => codeOf(people.redeem(token, laptop.joining(token)))));
    expect(codes.sort()).toEqual(["no error", "runtimenode.permission_denied"]);
    expect(await count("nodes")).toBe(1);
  });

  it.each(["viewer", "collaborator"] as const)("NOD-2 does not come with an invite for a %s", async (role) => {
    const token = await people.invite(role);
    expect(await refusal(() => people.redeem(token, machine("laptop").joining(token)))).toBe("permission_denied");
    expect(await codeOf(people.redeem(token))).toBe("no error");
  });
});
