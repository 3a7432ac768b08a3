// What counts as the link of an invite, and what a person is told whose link does not.
import { MusterError } from "@muster/contracts";
import { describe, expect, test } from "vitest";
import { isLocalLink, isOpenToListeners, parseJoinLink } from "./link.ts";

const TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_abcde";

describe("the link of an invite", () => {
  test.each([
    [`http://192.168.1.7:7600/join#token=${TOKEN}`, "http://192.168.1.7:7600"],
    [`https://muster.example.org/join#token=${TOKEN}`, "https://muster.example.org"],
    [`  http://[fd00::7]:7600/join#token=${TOKEN}\n`, "http://[fd00::7]:7600"],
    [`"http://192.168.1.7:7600/join#token=${TOKEN}"`, "http://192.168.1.7:7600"],
    [`muster join “https://muster.example.org/join#token=${TOKEN}”`, "https://muster.example.org"],
  ])("EXP-3 names the hub and the token: %s", (text, hubUrl) => {
    expect(parseJoinLink(text)).toEqual({ hubUrl, token: TOKEN });
  });

  test.each([
    ["hello", /no link of an invite/],
    ["", /no link of an invite/],
    [`ftp://a/join#token=${TOKEN}`, /no link of an invite/],
    [`http://a/other#token=${TOKEN}`, /no link of an invite/],
    ["http://a/join", /lost its end/],
    ["http://a/join#token=", /lost its end/],
    [`http://a/join#token=${TOKEN.slice(1)}`, /cut off/],
    [`http://a/join#token=${TOKEN}x`, /cut off/],
    [`http://a/join#token=${TOKEN.slice(1)}!`, /cut off/],
    [`http://a/login#token=${TOKEN}`, /logs a browser in/],
  ])("EXP-3 is not %j, which is told without the token", (text, words) => {
    const refused = () => parseJoinLink(text);
    expect(refused).toThrow(MusterError);
    expect(refused).toThrow(expect.objectContaining({ code: "validation_failed" }));
    expect(refused).toThrow(words);
    expect(refused).not.toThrow(TOKEN.slice(1));
  });

  test("leads over a way that others can listen on, unless it is encrypted or does not leave the machine", () => {
    const isOpen = (hubUrl: string) => isOpenToListeners({ hubUrl });
    expect(["http://192.168.1.7:7600", "http://hub", "http://[fd00::1]:1"].map(isOpen)).toEqual([true, true, true]);
    expect(["https://hub", "http://127.0.0.1:1", "http://localhost", "http://[::1]:1"].map(isOpen)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test("works on the hub's own machine only where it names loopback", () => {
    expect(["http://127.0.0.1:1/join", "http://localhost/join", "http://[::1]/join"].map(isLocalLink)).toEqual([
      true,
      true,
      true,
    ]);
    expect(
      ["http://10.0.0.1/join", "https://muster.example.org/join", "http://[fd00::1]/join"].map(isLocalLink),
    ).toEqual([false, false, false]);
  });
});
