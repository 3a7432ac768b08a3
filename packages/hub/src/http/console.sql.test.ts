import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Served, serve } from "./testing/served.ts";

let served: Served;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-console-"));
  await mkdir(join(folder, "dist/assets"), { recursive: true });
  await writeFile(join(folder, "secret.txt"), "the secret beside the bundle");
  await writeFile(join(folder, "dist/index.html"), "<!doctype html><title>Console</title>");
  await writeFile(join(folder, "dist/assets/index-Bx3f9a2c.js"), "console.log(1)");
  await writeFile(join(folder, "dist/assets/plain.css"), "a{}");
  await writeFile(join(folder, "dist/favicon.svg"), "<svg/>");
  await symlink(join(folder, "secret.txt"), join(folder, "dist/link.txt"));
  served = await serve({ consoleDirectory: join(folder, "dist") });
});
afterEach(async () => {
  await served.close();
  await rm(folder, { recursive: true });
});

describe("the console", () => {
  it.each(["/", "/login", "/threads/0198", "/settings/members", "/index.html"])(
    "is one page under %s",
    async (path) => {
      const response = await served.fetch(path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(response.headers.get("cache-control")).toBe("no-cache");
      expect(await response.text()).toContain("<title>Console</title>");
    },
  );

  it.each([
    ["/assets/index-Bx3f9a2c.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"],
    ["/assets/plain.css", "text/css; charset=utf-8", "no-cache"],
    ["/favicon.svg", "image/svg+xml", "no-cache"],
  ])("gives %s its type, and for ever only what carries a digest", async (path, type, caching) => {
    const response = await served.fetch(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(type);
    expect(response.headers.get("cache-control")).toBe(caching);
    await response.arrayBuffer();
  });

  it.each(["/assets/index-00000000.js", "/assets/nothing", "/missing.png", "/assets/", "/.env"])(
    "has no page in place of a missing file: %s",
    async (path) => {
      const response = await served.fetch(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: "not_found" });
    },
  );

  it("EXP-11 carries its policy: only our own scripts, no frame, no referrer, no guessing of types", async () => {
    const { headers } = await served.fetch("/");
    const policy = headers.get("content-security-policy") ?? "";
    for (const rule of [
      "default-src 'self'",
      "style-src 'self' 'unsafe-inline'",
      "img-src 'self' data:",
      "frame-ancestors 'none'",
    ]) {
      expect(policy.split("; ")).toContain(rule);
    }
    expect(policy).not.toMatch(/script-src|unsafe-eval/);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
  });

  it("answers HEAD with the length and no body, and 304 to what the browser has", async () => {
    const head = await served.fetch("/favicon.svg", { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("6");
    expect(await head.text()).toBe("");
    const etag = head.headers.get("etag") ?? "";
    const again = await served.fetch("/favicon.svg", { headers: { "if-none-match": etag } });
    expect(again.status).toBe(304);
    await writeFile(join(folder, "dist/favicon.svg"), "<svg></svg>");
    expect((await served.fetch("/favicon.svg", { headers: { "if-none-match": etag } })).status).toBe(200);
  });

  it("is compressed for who takes it", async () => {
    const script = "console.log(1);".repeat(1_000);
    await writeFile(join(folder, "dist/assets/index-Bx3f9a2c.js"), script);
    const get = async (encoding: string) => {
      const answer = await served.raw(
        `GET /assets/index-Bx3f9a2c.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Encoding: ${encoding}\r\n\r\n`,
      ).closed;
      expect(answer).toMatch(/vary: accept-encoding/i);
      return { gzip: /content-encoding: gzip/i.test(answer), size: answer.length };
    };
    for (const encoding of ["gzip", "br, gzip", "deflate, GZIP;q=0.5", "gzip;q=1.0, identity"]) {
      const { gzip, size } = await get(encoding);
      expect(gzip, encoding).toBe(true);
      expect(size).toBeLessThan(2_000);
    }
    for (const encoding of ["", "identity", "gzip;q=0", "gzip;q=0.0", "br", "xgzip"]) {
      expect((await get(encoding)).gzip, encoding).toBe(false);
    }
    expect(await (await served.fetch("/assets/index-Bx3f9a2c.js")).text()).toBe(script);
  });

  it("shows a new build without a restart", async () => {
    await served.fetch("/");
    await writeFile(join(folder, "dist/assets/index-Cy4g0b3d.js"), "console.log(2)");
    await writeFile(join(folder, "dist/index.html"), "<!doctype html><title>Console two</title>");
    await utimes(join(folder, "dist/index.html"), new Date(), new Date(Date.now() + 5_000));
    expect(await (await served.fetch("/")).text()).toContain("Console two");
    expect((await served.fetch("/assets/index-Cy4g0b3d.js")).status).toBe(200);
  });

  it.each([
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%5csecret.txt",
    "/assets/../../secret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/%2e%2e/%2e%2e/secret.txt",
    "/%252e%252e/secret.txt",
    "/....//secret.txt",
    "/link.txt",
    "//secret.txt",
    "/secret.txt",
    "/dist/../secret.txt",
  ])("gives nothing that lies outside of the bundle: %s", async (path) => {
    const answer = await served.raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`).closed;
    expect(answer).toMatch(/^HTTP\/1\.1 (400|404) /);
    expect(answer).not.toContain("the secret");
  });
});

it.each([undefined, "/nowhere/at/all", "empty"])(
  "says how to get the console where there is none: %s",
  async (where) => {
    await served.close();
    const empty = join(folder, "empty");
    await mkdir(empty, { recursive: true });
    served = await serve({ consoleDirectory: where === "empty" ? empty : where });
    const response = await served.fetch("/");
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("npm start");
    expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect((await served.fetch("/assets/x.js")).status).toBe(404);
  },
);
