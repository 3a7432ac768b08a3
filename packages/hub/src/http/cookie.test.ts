import { expect, it } from "vitest";
import { cookieName, readCookie, setCookie } from "./cookie.ts";

it("EXP-1 names the cookie by the port, so two hubs on one machine keep two logins", () => {
  const header = "muster_7600=one; muster_7601=two; other=three";
  expect(readCookie(header, cookieName(7600))).toBe("one");
  expect(readCookie(header, cookieName(7601))).toBe("two");
  expect(readCookie(header, cookieName(760))).toBeUndefined();
});

it.each([undefined, "", ";;;", "muster_7600", "=muster_7600", "xmuster_7600=one"])("finds nothing in %j", (header) => {
  expect(readCookie(header, "muster_7600")).toBeUndefined();
});

it("takes the first of two, and the rest of a value with equal signs", () => {
  expect(readCookie("a=1=2; a=3", "a")).toBe("1=2");
});

it("EXP-11 sets it where no script reads it and no other site sends it", () => {
  const options = { name: "muster_1", value: "v", maxAgeSeconds: 60 };
  expect(setCookie({ ...options, secure: false })).toBe("muster_1=v; HttpOnly; SameSite=Strict; Path=/; Max-Age=60");
  expect(setCookie({ ...options, secure: true })).toMatch(/; Secure$/);
});
