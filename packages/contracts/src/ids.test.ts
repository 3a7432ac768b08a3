// Brands: an id of one kind is no id of another, for the compiler and at the door.
import { describe, expect, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import { ClientCommand } from "./commands.ts";
import { CheckpointRef, NodeId, ProviderThreadId, type ProviderTurnId, ThreadId, TurnId } from "./ids.ts";

describe("an id", () => {
  it("of a thread and the provider's own are never assigned to each other (ORC-1)", () => {
    const ours: ThreadId = ThreadId.parse("thread");
    const theirs: ProviderThreadId = ProviderThreadId.parse("thread");
    // @ts-expect-error ours is not theirs
    const asTheirs: ProviderThreadId = ours;
    // @ts-expect-error theirs is not ours
    const asOurs: ThreadId = theirs;
    // @ts-expect-error a plain string is no id
    const plain: ThreadId = "thread";
    // @ts-expect-error a turn is no thread
    const turn: ThreadId = TurnId.parse("turn");
    expect([asTheirs, asOurs, plain, turn]).toHaveLength(4);
    expectTypeOf<ThreadId>().toExtend<string>();
    expectTypeOf<TurnId>().not.toEqualTypeOf<ProviderTurnId>();
  });

  it("of ours has 1 to 64 letters, digits, _ and -", () => {
    for (const good of ["a", "A-z_9", "0190b1c2-7000-7000-8000-000000000000", "x".repeat(64)])
      expect(ThreadId.safeParse(good).success).toBe(true);
    for (const bad of ["", "a b", "a/b", "ä", "a\n", "../x", "x".repeat(65), "a.b"])
      expect(ThreadId.safeParse(bad).success).toBe(false);
  });

  it("of a node is opaque, but neither blank nor with a NUL", () => {
    expect(NodeId.safeParse("Anna's laptop (2)").success).toBe(true);
    for (const bad of ["", "  ", "a\0b", "x".repeat(257)]) expect(NodeId.safeParse(bad).success).toBe(false);
  });

  it("of a checkpoint is a ref below our own folder", () => {
    expect(CheckpointRef.safeParse("refs/muster/checkpoints/t/turn/1").success).toBe(true);
    for (const bad of ["refs/heads/main", "refs/muster/checkpoints/t", "refs/muster/checkpoints/../../heads/main"])
      expect(CheckpointRef.safeParse(bad).success).toBe(false);
  });

  it("of a provider is never a field of a client's command (ORC-1)", () => {
    type Fields = { [Type in ClientCommand as Type["type"]]: keyof Type }[ClientCommand["type"]];
    expectTypeOf<Extract<Fields, `provider${string}Id`>>().toBeNever();
    type Shape = z.infer<typeof ClientCommand>;
    expectTypeOf<Shape>().toEqualTypeOf<ClientCommand>();
    const smuggled = { type: "thread.archive", commandId: "c", threadId: "t", providerThreadId: "theirs" };
    expect(ClientCommand.safeParse(smuggled).success).toBe(false);
  });
});
