import { contract, PROCEDURE_ACCESS } from "@muster/contracts";
import { oc } from "@orpc/contract";
import { describe, expect, it } from "vitest";
import { RouteTable, routesOf } from "./routes.ts";

describe("routes of a contract", () => {
  it("EXP-11 keep the server from starting when a procedure does not say who may call it", () => {
    const silent = { inner: { secret: oc.route({ method: "GET", path: "/secret" }) } };
    expect(() => routesOf(silent)).toThrow("inner.secret does not say who may call it");
    const wrong = { secret: oc.$meta({ access: "everyone" }).route({ method: "GET", path: "/secret" }) };
    expect(() => routesOf(wrong)).toThrow("secret does not say who may call it");
  });

  it("keep the server from starting when a procedure has no path of its own", () => {
    expect(() => routesOf({ secret: oc.$meta({ access: PROCEDURE_ACCESS.health }) })).toThrow("no method or no path");
  });

  it("are all found, each by its own path and method", () => {
    const routes = routesOf(contract);
    expect(routes.length).toBeGreaterThanOrEqual(12);
    expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length);
    const table = new RouteTable(routes);
    for (const route of routes) {
      expect(table.match(route.method, route.path.replace(/\{[^}]+\}/g, "some-id")).name).toBe(route.name);
    }
  });
});

describe("matching", () => {
  const table = new RouteTable(routesOf(contract));

  it.each([
    "",
    "/",
    "/health/",
    "//health",
    "/Health",
    "/orchestration/threads/",
    "/orchestration/threads/a/b",
    "/%68ealth",
  ])("knows nothing at %j", (path) => {
    expect(() => table.match("GET", path)).toThrow(expect.objectContaining({ code: "not_found" }));
  });

  it("tells another method from another path, and says which methods there are", () => {
    const matching = () => table.match("DELETE", "/orchestration/threads/some-id");
    expect(matching).toThrow(expect.objectContaining({ code: "method_not_allowed", details: { allow: ["GET"] } }));
  });
});
