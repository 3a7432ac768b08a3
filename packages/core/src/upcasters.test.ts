// The chain of upcasters over an event as it was stored.
import type { WireEvent } from "@muster/contracts";
import { describe, expect, it } from "vitest";
import { createUpcast, EVENT_UPCASTERS, type Upcaster } from "./upcasters.ts";

const stored = (fields: Partial<WireEvent> = {}): WireEvent =>
  ({
    sequence: 7,
    eventId: "event",
    eventType: "thread.renamed",
    schemaVersion: "0.8",
    payload: { name: "old" },
    ...fields,
  }) as WireEvent;

const upcaster = (fields: Partial<Upcaster> = {}): Upcaster => ({
  eventType: "thread.renamed",
  from: "0.8",
  to: "0.9",
  upcast: ({ name }) => ({ payload: { title: name } }),
  ...fields,
});

describe("upcasting", () => {
  it("runs every step from the stored version on, and changes nothing else of the event (ORC-6)", () => {
    const upcast = createUpcast([
      upcaster({ from: "0.9", to: "1.0", upcast: (payload) => ({ eventType: "thread.meta-updated", payload }) }),
      upcaster(),
    ]);
    const event = stored();
    expect(upcast(event)).toEqual({
      ...event,
      eventType: "thread.meta-updated",
      schemaVersion: "1.0",
      payload: { title: "old" },
    });
    expect(event).toEqual(stored());
  });

  it("leaves every other type and version as it is (ORC-6)", () => {
    const upcast = createUpcast([upcaster()]);
    for (const event of [stored({ schemaVersion: "1.0" }), stored({ eventType: "thread.archived" })])
      expect(upcast(event)).toBe(event);
  });

  it("keeps an event whose payload an upcaster cannot read as it was stored, not half way (ORC-6)", () => {
    const upcast = createUpcast([
      upcaster(),
      upcaster({
        from: "0.9",
        to: "1.0",
        upcast: () => {
          throw new Error("no");
        },
      }),
    ]);
    const event = stored();
    expect(upcast(event)).toBe(event);
  });

  it("refuses a registry with two ways from one version, or one that leads back", () => {
    expect(() => createUpcast([upcaster(), upcaster()])).toThrow("two upcasters of thread.renamed 0.8");
    for (const to of ["0.8", "0.7", "0", "next"]) expect(() => createUpcast([upcaster({ to })])).toThrow("higher");
    expect(() => createUpcast([upcaster({ from: "0.9", to: "0.10" })])).not.toThrow();
  });

  it("has a registry of this program that can be built", () => {
    expect(() => createUpcast(EVENT_UPCASTERS)).not.toThrow();
  });
});
