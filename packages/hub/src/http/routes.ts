// The contract's routes as the server tells them apart: no such path, path with another method, or a procedure. The
// library answers "not matched" to the first two alike.
import { type Access, type MusterContract, MusterError } from "@muster/contracts";
import { isContractProcedure } from "@orpc/contract";
import { accessOf } from "./access.ts";

export interface Route {
  /** Such as `orchestration.getThread`. */
  readonly name: string;
  readonly method: string;
  /** Below API_PREFIX, with `{parameter}` for one segment. */
  readonly path: string;
  readonly access: Access;
}

const ROUTES_DEPTH_MAX = 8;

const collect = (router: unknown, path: readonly string[], routes: Route[]): void => {
  if (typeof router !== "object" || router === null || path.length > ROUTES_DEPTH_MAX) return;
  if (!isContractProcedure(router)) {
    for (const [key, value] of Object.entries(router)) collect(value, [...path, key], routes);
    return;
  }
  const name = path.join(".");
  const { route, meta } = router["~orpc"];
  if (route.method === undefined || route.path === undefined) throw new Error(`${name} has no method or no path`);
  routes.push({ name, method: route.method, path: route.path, access: accessOf(meta, name) });
};

/** Every procedure of the contract. Throws when one has no route or does not say who may call it. */
export const routesOf = (contract: MusterContract | Record<string, unknown>): readonly Route[] => {
  const routes: Route[] = [];
  collect(contract, [], routes);
  return routes;
};

const pattern = (path: string): RegExp => {
  const escaped = path.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\{[^}]+\}/g, "[^/]+")}$`);
};

export class RouteTable {
  readonly #routes: readonly { readonly route: Route; readonly pattern: RegExp }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({ route, pattern: pattern(route.path) }));
  }

  /** `path` starts below API_PREFIX. Throws `not_found`, or `method_not_allowed` with what is allowed in its details. */
  match(method: string, path: string): Route {
    const here = this.#routes.filter((entry) => entry.pattern.test(path)).map((entry) => entry.route);
    const found = here.find((route) => route.method === method);
    if (found !== undefined) return found;
    if (here.length === 0) throw new MusterError("not_found");
    throw new MusterError("method_not_allowed", undefined, { allow: here.map((route) => route.method) });
  }
}
