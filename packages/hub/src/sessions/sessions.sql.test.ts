// Sessions as their owners change them, and what nobody may do to them.
import { INVITES_PER_HOUR_MAX, SESSIONS_OF_PRINCIPAL_MAX, type SessionId } from "@muster/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Caller } from "../ports.ts";
import { onBothDatabases } from "../schema/test-databases.ts";
import { codeOf, openPeople, type People } from "./testing/people.ts";

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
const acts = async () => (await people.audit.list(people.founder, { limit: 200 })).map(({ action }) => action);
/** As the founder is seen now. */
const again = async (caller: Caller, sessionId: SessionId): Promise<Caller> => ({
  ...caller,
  roles: new Map([...caller.roles, [sessionId, "owner" as const]]),
});

onBothDatabases("a session", () => {
  it("NOD-1 is owned by who opened it, and nobody else sees it", async () => {
    const { caller: viewer } = await people.join("viewer");
    const { caller: collaborator, token } = await people.join("collaborator");
    // Sessions are in the order in which they were made.
    people.opened.clock.advance(1);
    const session = await people.sessions.create(collaborator, { title: "Migration" });
    expect(session).toEqual({
      sessionId: session.sessionId,
      title: "Migration",
      state: "active",
      minClientVersion: null,
      createdAt: "2026-01-01T00:00:00.001Z",
      updatedAt: "2026-01-01T00:00:00.001Z",
      role: "owner",
      isDefault: false,
      memberCount: 1,
      nodeCount: 0,
    });
    const seen = await people.as(token);
    expect((await people.sessions.list(seen)).map(({ title, role, isDefault }) => [title, role, isDefault])).toEqual([
      ["Default session", "collaborator", true],
      ["Migration", "owner", false],
    ]);
    expect(await people.sessions.list(viewer)).toHaveLength(1);
    for (const other of [viewer, people.founder, people.cli]) {
      const { sessionId } = session;
      expect(await codeOf(people.sessions.get(other, { sessionId }))).toBe("session_not_found");
      expect(await codeOf(people.sessions.members(other, { sessionId }))).toBe("session_not_found");
      expect(await refusal(() => people.sessions.update(other, { sessionId, title: "Mine" }))).toBe(
        "session_not_found",
      );
    }
  });

  it("opened by the command line is that of the person it stands for, and both have it", async () => {
    const session = await people.sessions.create(people.cli, { title: "From a terminal" });
    const { identity } = people.opened;
    const { token } = await identity.createLoginToken({ spaceId: identity.spaceId, principalId: identity.ownerId });
    const { caller: founder } = await identity.redeemLoginToken(token);
    expect(founder.roles.get(session.sessionId)).toBe("owner");
    const members = await people.sessions.members(founder, session);
    expect(members.map(({ participantId, role }) => [participantId, role])).toEqual([[identity.ownerId, "owner"]]);
    const cli = await people.as(people.cliToken);
    expect(cli.roles.get(session.sessionId)).toBe("owner");
    expect((await people.sessions.update(cli, { sessionId: session.sessionId, title: "Renamed" })).title).toBe(
      "Renamed",
    );
  });

  it("NOD-1 archived can be read and opened again; closed it is gone for everyone", async () => {
    const { sessionId } = await people.sessions.create(people.founder, { title: "Short" });
    const owner = await again(people.founder, sessionId);
    expect(await people.sessions.update(owner, { sessionId, state: "archived" })).toMatchObject({ state: "archived" });
    expect(await people.sessions.get(owner, { sessionId })).toMatchObject({ state: "archived", title: "Short" });
    expect(await people.sessions.update(owner, { sessionId, state: "active" })).toMatchObject({ state: "active" });
    expect(await people.sessions.update(owner, { sessionId, state: "closed" })).toMatchObject({ state: "closed" });
    expect(await codeOf(people.sessions.get(owner, { sessionId }))).toBe("session_not_found");
    expect(await refusal(() => people.sessions.update(owner, { sessionId, state: "active" }))).toBe(
      "session_not_found",
    );
    const told = (await acts()).filter((action) => action.startsWith("session."));
    expect(told.sort()).toEqual(["session.archived", "session.closed", "session.created", "session.reopened"]);
  });

  it("NOD-1 that is the default one ends for nobody", async () => {
    const { sessionId } = people;
    for (const state of ["archived", "closed"] as const)
      expect(await refusal(() => people.sessions.update(people.founder, { sessionId, state }))).toBe("session_default");
    expect(await people.sessions.update(people.founder, { sessionId, title: "Ours" })).toMatchObject({ title: "Ours" });
  });

  it("that changes in nothing leaves no trace", async () => {
    const { sessionId } = people;
    const change = { sessionId, title: "Default session", state: "active" as const };
    expect(await refusal(() => people.sessions.update(people.founder, change))).toBe("no error");
  });

  it(`is one of ${SESSIONS_OF_PRINCIPAL_MAX} at most for whoever opens it`, async () => {
    const { caller } = await people.join("collaborator");
    const open = () => codeOf(people.sessions.create(caller, { title: "One more" }));
    // Not all at once: the last would wait longer for a connection than a call may, on a machine that does much beside.
    const atOnce = 41;
    const codes: string[] = [];
    while (codes.length < SESSIONS_OF_PRINCIPAL_MAX + 5)
      codes.push(...(await Promise.all(Array.from({ length: atOnce }, open))));
    expect(codes.filter((code) => code === "no error")).toHaveLength(SESSIONS_OF_PRINCIPAL_MAX - 1);
    expect(await refusal(() => people.sessions.create(caller, { title: "One more" }))).toBe("resource.limit_exceeded");
  });
});

onBothDatabases("the version floor", () => {
  const set = (minClientVersion: string | null, lower = false, caller = people.founder) =>
    people.sessions.setFloor(caller, { sessionId: people.sessionId, minClientVersion, lower });

  it("NOD-12 is raised by an owner, as numbers and not as text", async () => {
    for (const floor of ["1.9", "1.10", "2.0"]) expect(await set(floor)).toMatchObject({ minClientVersion: floor });
    for (const floor of ["1.10", "1.99", "0.1", null])
      expect(await refusal(() => set(floor))).toBe("session_floor_lowered");
    expect(await refusal(() => set("2.0"))).toBe("no error");
  });

  it("NOD-12 falls when the owner says so, and that is on record with what it was", async () => {
    await set("1.10");
    expect(await set("1.9", true)).toMatchObject({ minClientVersion: "1.9" });
    expect(await set(null, true)).toMatchObject({ minClientVersion: null });
    const told = (await people.audit.list(people.founder, { limit: 10 }))
      .filter(({ action }) => action.startsWith("session.floor"))
      .map(({ action, details, actorId }) => [action, details["from"], details["to"], actorId]);
    expect(told).toHaveLength(3);
    expect(told).toEqual(
      expect.arrayContaining([
        ["session.floor-set", "none", "1.10", people.founder.principalId],
        ["session.floor-lowered", "1.10", "1.9", people.founder.principalId],
        ["session.floor-lowered", "1.9", "none", people.founder.principalId],
      ]),
    );
  });

  it.each(["1", "", "1.x", "v1.2", "1.2.3", " 1.2", "-1.0", "1234567.0"])(
    "NOD-12 that is malformed in the database (%j) fails loudly, and an owner can mend it",
    async (malformed) => {
      await people.opened.run("UPDATE sessions SET min_client_version = ?", malformed);
      const { sessionId } = people;
      for (const read of [
        () => people.sessions.get(people.founder, { sessionId }),
        () => people.sessions.list(people.founder),
      ])
        await expect(read()).rejects.toThrow("malformed");
      expect(await refusal(() => set("9.9"))).toBe("session_floor_lowered");
      expect(await set("1.2", true)).toMatchObject({ minClientVersion: "1.2" });
    },
  );
});

onBothDatabases("members", () => {
  const change = (
    participantId: Caller["principalId"],
    more: Partial<Parameters<People["sessions"]["setMember"]>[1]>,
    by = people.founder,
  ) => people.sessions.setMember(by, { sessionId: people.sessionId, participantId, ...more });

  it("NOD-2 are listed with role, state and own nodes, and changed by owners alone", async () => {
    const { caller, token } = await people.join("viewer");
    const members = await people.sessions.members(caller, people);
    expect(members.map(({ kind, role, state }) => [kind, role, state])).toEqual(
      expect.arrayContaining([
        ["human", "owner", "active"],
        ["service", "owner", "active"],
        ["human", "viewer", "active"],
      ]),
    );
    expect(await refusal(() => change(caller.principalId, { role: "owner" }, caller))).toBe("permission_denied");
    expect(await change(caller.principalId, { role: "collaborator" })).toMatchObject({ role: "collaborator" });
    expect((await people.as(token)).roles.get(people.sessionId)).toBe("collaborator");
    for (const state of ["suspended", "revoked"] as const) {
      expect(await change(caller.principalId, { state })).toMatchObject({ state });
      expect((await people.as(token)).roles.size).toBe(0);
    }
    expect(await change(caller.principalId, { state: "active" })).toMatchObject({ state: "active" });
    expect((await acts()).filter((action) => action === "member.changed")).toHaveLength(4);
  });

  it("NOD-2 that are none, or of another session, are one answer", async () => {
    const { caller } = await people.join("collaborator");
    const { sessionId } = await people.sessions.create(caller, { title: "Theirs" });
    const owner = await again(caller, sessionId);
    const stranger = people.founder.principalId;
    for (const participantId of [stranger, "nobody" as typeof stranger])
      expect(await refusal(() => change(participantId, { sessionId, role: "viewer" }, owner))).toBe("member_not_found");
  });

  it("NOD-2 always have an owner who is a person: the last one neither leaves nor is demoted, suspended or revoked", async () => {
    const last = people.founder.principalId;
    for (const more of [{ role: "collaborator" }, { state: "suspended" }, { state: "revoked" }] as const)
      expect(await refusal(() => change(last, more))).toBe("last_owner");
    for (const caller of [people.founder, people.cli])
      expect(await refusal(() => people.sessions.leave(caller, people))).toBe("last_owner");
    await people.join("owner");
    expect(await codeOf(people.sessions.leave(people.founder, people))).toBe("no error");
  });

  it("NOD-2 always have the command line that runs with the hub: nobody demotes, suspends or removes it, not even itself", async () => {
    const service = people.cli.principalId;
    const { caller } = await people.join("owner");
    for (const by of [people.founder, caller, people.cli])
      for (const more of [{ role: "viewer" }, { state: "suspended" }, { state: "revoked" }] as const)
        expect(await refusal(() => change(service, more, by))).toBe("member_is_service");
    // It lets go the person for whom it stands, and is still the way back in.
    expect(await codeOf(people.sessions.leave(people.cli, people))).toBe("no error");
    const cli = await people.as(people.cliToken);
    expect(cli.roles.get(people.sessionId)).toBe("owner");
    expect(await refusal(() => people.sessions.leave(cli, people))).toBe("member_is_service");
    expect(await change(people.founder.principalId, { state: "active" }, cli)).toMatchObject({ role: "owner" });
  });

  it("NOD-2 take back a command line that an older hub let go", async () => {
    const service = people.cli.principalId;
    await people.opened.run(
      "UPDATE session_memberships SET state = 'revoked', role = 'viewer' WHERE participant_id = ?",
      service,
    );
    expect(await change(service, { state: "active" })).toMatchObject({ role: "viewer", state: "active" });
    expect(await change(service, { role: "owner" })).toMatchObject({ role: "owner", state: "active" });
  });

  it("NOD-2 an owner who is suspended does not count as one", async () => {
    const { caller } = await people.join("owner");
    await change(caller.principalId, { state: "suspended" });
    expect(await refusal(() => people.sessions.leave(people.founder, people))).toBe("last_owner");
  });

  it("NOD-2 of two owners who leave at once one stays; of two who demote each other one stays owner", async () => {
    for (let round = 0; round < 5; round += 1) {
      const { caller: one } = await people.join("collaborator");
      const { sessionId } = await people.sessions.create(one, { title: "Pair" });
      const first = await again(one, sessionId);
      const { caller: second } = await people.join("owner", sessionId, first);
      const both = [
        (mine: Caller, _other: Caller) => people.sessions.leave(mine, { sessionId }),
        (mine: Caller, other: Caller) => change(other.principalId, { sessionId, role: "viewer" }, mine),
      ];
      const act = both[round % 2];
      if (act === undefined) throw new Error("nothing to do");
      const codes = await Promise.all([codeOf(act(first, second)), codeOf(act(second, first))]);
      expect(codes.filter((code) => code === "no error")).toHaveLength(1);
      const owners = await people.opened.query(
        "SELECT participant_id FROM session_memberships WHERE session_id = ? AND role = 'owner' AND state = 'active'",
        sessionId,
      );
      expect(owners).toHaveLength(1);
    }
  });

  it("NOD-2 an owner who was demoted while the request was on its way changes nothing any more", async () => {
    const { caller: second } = await people.join("owner");
    const { caller: viewer } = await people.join("viewer");
    await change(second.principalId, { role: "viewer" });
    const { sessionId } = people;
    // The role that the request was let in with is gone from the database.
    expect(second.roles.get(sessionId)).toBe("owner");
    const tries: readonly (() => Promise<unknown>)[] = [
      () => change(viewer.principalId, { role: "owner" }, second),
      () => change(second.principalId, { role: "owner" }, second),
      () => people.sessions.update(second, { sessionId, title: "Taken" }),
      () => people.sessions.setFloor(second, { sessionId, minClientVersion: "9.9", lower: false }),
      () => people.invite("owner", sessionId, second),
      () => people.invites.list(second, { sessionId }),
    ];
    for (const attempt of tries) expect(await refusal(attempt)).toBe("permission_denied");
    await change(second.principalId, { state: "revoked" });
    for (const attempt of tries) expect(await refusal(attempt)).toBe("session_not_found");
  });

  it("NOD-16 that change leave every slot as it is", async () => {
    const { spaceId } = people.opened.identity;
    const { caller } = await people.join("runtime_contributor");
    await people.opened.run(
      "INSERT INTO runtime_node_attachments VALUES (?, 'slot', ?, ?, 'node', NULL, '0.1', 'online', 1, '', NULL, NULL)",
      spaceId,
      people.sessionId,
      caller.principalId,
    );
    const slots = () => people.opened.query("SELECT * FROM runtime_node_attachments");
    const before = await slots();
    expect((await people.sessions.members(people.founder, people)).find((one) => one.nodeIds.length > 0)).toMatchObject(
      {
        participantId: caller.principalId,
        nodeIds: ["node"],
      },
    );
    for (const more of [{ role: "viewer" }, { state: "suspended" }, { state: "revoked" }, { state: "active" }] as const)
      await change(caller.principalId, more);
    await people.sessions.leave(caller, people);
    await people.sessions.setFloor(people.founder, {
      sessionId: people.sessionId,
      minClientVersion: "1.0",
      lower: false,
    });
    // What they are shown as follows from all of it, so other hubs are told each time.
    expect(people.announced).toEqual(Array.from({ length: 6 }, () => "node"));
    expect(await slots()).toEqual(before);
  });
});

onBothDatabases("invites", () => {
  const create = (by = people.founder) =>
    people.invites.create(by, { sessionId: people.sessionId, role: "viewer", expiresInHours: 168 });

  it(`NOD-20 are ${INVITES_PER_HOUR_MAX} in an hour for a session, also when many are asked for at once`, async () => {
    const codes = await Promise.all(Array.from({ length: 30 }, () => codeOf(create())));
    expect(codes.filter((code) => code === "no error")).toHaveLength(INVITES_PER_HOUR_MAX);
    expect(codes.filter((code) => code === "rate_limited")).toHaveLength(10);
    people.opened.clock.advance(59 * 60 * 1_000);
    await expect(create()).rejects.toMatchObject({ details: { limit: INVITES_PER_HOUR_MAX, retryAfterSeconds: 60 } });
    const { sessionId } = await people.sessions.create(people.founder, { title: "Another" });
    const owner = await again(people.founder, sessionId);
    expect(await codeOf(people.invite("viewer", sessionId, owner))).toBe("no error");
    people.opened.clock.advance(60 * 1_000);
    expect(await codeOf(create())).toBe("no error");
  });

  it("NOD-3 are listed newest first without their secrets, with what became of them", async () => {
    const [first, second] = [await create(), await create()];
    await people.redeem(first.token);
    await people.invites.revoke(people.founder, { sessionId: people.sessionId, inviteId: second.invite.inviteId });
    people.opened.clock.advance(1_000);
    await create();
    people.opened.clock.advance(168 * 60 * 60 * 1_000);
    const listed = await people.invites.list(people.founder, people);
    expect(listed.map(({ state }) => state)).toEqual(["expired", expect.any(String), expect.any(String)]);
    expect(
      listed
        .slice(1)
        .map(({ state }) => state)
        .sort(),
    ).toEqual(["redeemed", "revoked"]);
    for (const { token } of [first, second]) expect(JSON.stringify(listed)).not.toContain(token);
  });

  it("NOD-3 are revoked by an owner of their session, again without error; a used one and another session's are not", async () => {
    const { caller } = await people.join("collaborator");
    const { sessionId } = await people.sessions.create(caller, { title: "Theirs" });
    const other = await again(caller, sessionId);
    const { invite, token } = await create();
    const { inviteId } = invite;
    expect(await refusal(() => people.invites.revoke(other, { sessionId, inviteId }))).toBe("invite_not_found");
    expect(await refusal(() => people.invites.revoke(other, { sessionId, inviteId: "none" }))).toBe("invite_not_found");
    expect(await refusal(() => people.invites.revoke(caller, { sessionId: people.sessionId, inviteId }))).toBe(
      "permission_denied",
    );
    const mine = { sessionId: people.sessionId, inviteId };
    const revoked = await people.invites.revoke(people.founder, mine);
    expect(revoked.state).toBe("revoked");
    people.opened.clock.advance(1_000);
    expect(await people.invites.revoke(people.founder, mine)).toEqual(revoked);
    expect(await codeOf(people.redeem(token))).toBe("invite_revoked");
    const used = await create();
    await people.redeem(used.token);
    expect(
      await refusal(() => people.invites.revoke(people.founder, { ...mine, inviteId: used.invite.inviteId })),
    ).toBe("invite_used");
  });
});
