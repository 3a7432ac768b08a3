// Which addresses others may name this machine by, and how they are written.
import type { NetworkInterfaceInfo } from "node:os";
import { expect, it } from "vitest";
import { inUrl, isAnyAddress, isLoopback, ownAddresses } from "./addresses.ts";

const face = (family: "IPv4" | "IPv6", address: string, internal = false) =>
  ({ family, address, internal }) as NetworkInterfaceInfo;

it("tells the addresses that others can reach, IPv4 first, without loopback and what needs a zone", () => {
  const interfaces = {
    lo: [face("IPv4", "127.0.0.1", true), face("IPv6", "::1", true)],
    eth0: [face("IPv6", "fe80::1"), face("IPv6", "fd00::7"), face("IPv4", "192.168.1.7")],
    gone: undefined,
    wlan0: [face("IPv4", "10.0.0.7")],
  };
  expect(ownAddresses(interfaces)).toEqual(["192.168.1.7", "10.0.0.7", "fd00::7"]);
});

it.each([
  ["127.0.0.1", "127.0.0.1"],
  ["localhost", "localhost"],
  ["::1", "[::1]"],
  ["FD00:0:0:0:0:0:0:7", "[fd00::7]"],
])("writes %s into a URL as browsers write it into the Host header", (address, written) => {
  expect(inUrl(address)).toBe(written);
  expect(new URL(`http://${inUrl(address)}:7600`).hostname).toBe(written);
});

it("knows loopback, and all addresses of the machine, in their spellings", () => {
  expect(["localhost", "::1", "127.0.0.9", "0.0.0.0", "10.0.0.1"].map(isLoopback)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::1", "127.0.0.1", "localhost"].map(isAnyAddress)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
