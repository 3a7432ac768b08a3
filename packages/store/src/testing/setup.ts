// Offers one PostgreSQL server to all files of a vitest run (as `globalSetup`); it is started when the first asks.
import type { TestProject } from "vitest/node";
import { offerPostgres } from "./server.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgresControl: string;
  }
}

/** Vitest calls what it returns at the end of the run. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const offer = await offerPostgres(project.config.env);
  project.provide("postgresControl", offer.control);
  return offer.stop;
};
