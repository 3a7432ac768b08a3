// What every walk through the console stands on: one browser for a file, and for each of its tests a place of its own.
// Whatever a test opened is closed behind it.
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { ensureBundle } from "../../scripts/bootstrap/bundle.mjs";
import { Place, repository } from "../cli/muster.ts";
import { launch } from "./browser.ts";

export interface Stage {
  readonly browser: Browser;
  /** Another one for each test. */
  readonly place: Place;
}

/** Called once, at the top of a file. `env`: what the place's processes find beside the usual. */
export function setStage(env: NodeJS.ProcessEnv = {}): Stage {
  let browser: Browser | undefined;
  let place: Place | undefined;
  const there = <Thing>(thing: Thing | undefined): Thing => {
    if (thing === undefined) throw new Error("the stage is there while tests run");
    return thing;
  };
  beforeAll(async () => {
    await ensureBundle(repository, process.execPath);
    browser = await launch();
  });
  afterAll(() => browser?.close());
  beforeEach(() => {
    place = new Place();
    Object.assign(place.env, env);
  });
  afterEach(async () => {
    for (const context of browser?.contexts() ?? []) await context.close();
    await place?.clear();
  });
  return {
    get browser() {
      return there(browser);
    },
    get place() {
      return there(place);
    },
  };
}
