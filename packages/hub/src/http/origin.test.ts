import { describe, expect, it } from "vitest";
import { checkHost, checkOrigin } from "./index.ts";

const served = { port: 7600, names: ["muster.example.org", "console.test:5173", "[fd00::1]"] };

describe("the Host header", () => {
  it.each([
    "localhost",
    "localhost:7600",
    "LOCALHOST:7600",
    "127.0.0.1",
    "127.0.0.1:7600",
    "[::1]",
    "[::1]:7600",
    "muster.example.org",
    "muster.example.org:7600",
    "console.test:5173",
    "[fd00::1]:7600",
  ])("EXP-11 may be %s", (host) => {
    expect(checkHost(host, served)).toBe(true);
  });

  it.each([
    undefined,
    "",
    "localhost:7601",
    "localhost:",
    "localhost.",
    "127.0.0.2",
    "0.0.0.0:7600",
    "evil.example",
    "evil.example:7600",
    "localhost.evil.example",
    "localhost@evil.example",
    "localhost:7600, evil.example",
    "evil-muster.example.org",
    "console.test",
    "console.test:7600",
    "::1",
    "[::1",
    " localhost",
  ])("EXP-11 may not be %j", (host) => {
    expect(checkHost(host, served)).toBe(false);
  });
});

it("EXP-11 the Host header may be an address that is listened on, as it is then", () => {
  let addresses = ["192.168.1.7"];
  const everywhere = { ...served, addresses: () => addresses };
  expect(checkHost("192.168.1.7:7600", everywhere)).toBe(true);
  expect(checkHost("192.168.1.7:7601", everywhere)).toBe(false);
  expect(checkHost("[fd00::7]:7600", everywhere)).toBe(false);
  addresses = ["[fd00::7]"];
  expect(checkHost("[fd00::7]:7600", everywhere)).toBe(true);
  expect(checkHost("192.168.1.7:7600", everywhere)).toBe(false);
  expect(checkOrigin({ origin: "http://[fd00::7]:7600", host: "[fd00::7]:7600" }, everywhere)).toBe(true);
  expect(checkOrigin({ origin: "https://[fd00::7]:7600", host: "[fd00::7]:7600" }, everywhere)).toBe(false);
});

describe("the Origin header", () => {
  it.each([
    [undefined, "localhost:7600"],
    ["http://localhost:7600", "localhost:7600"],
    ["HTTP://LocalHost:7600", "localhost:7600"],
    ["http://127.0.0.1:7600", "127.0.0.1:7600"],
    ["http://[::1]:7600", "[::1]:7600"],
    ["https://muster.example.org", "muster.example.org"],
    ["http://console.test:5173", "console.test:5173"],
  ])("EXP-11 may be %s under the host %s", (origin, host) => {
    expect(checkOrigin({ origin, host }, served)).toBe(true);
  });

  it.each([
    ["null", "localhost:7600"],
    ["", "localhost:7600"],
    ["http://localhost", "localhost:7600"],
    ["http://localhost:3000", "localhost:7600"],
    ["http://127.0.0.1:7600", "localhost:7600"],
    ["https://localhost:7600", "localhost:7600"],
    ["http://evil.example", "localhost:7600"],
    ["http://localhost:7600.evil.example", "localhost:7600"],
    ["http://localhost:7600, http://localhost:7600", "localhost:7600"],
    ["https://evil.example", "muster.example.org"],
    ["file://", "localhost:7600"],
    ["http://", undefined],
  ])("EXP-11 may not be %j under the host %s", (origin, host) => {
    expect(checkOrigin({ origin, host }, served)).toBe(false);
  });
});
