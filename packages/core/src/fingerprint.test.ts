// The fingerprint against published vectors of RFC 8785 and against its own promises: two programs that ever disagreed
// on one would take a retry for another request.
import canonicalize from "canonicalize";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commandFingerprint, compareFingerprint, fingerprint, sha256Hex } from "./fingerprint.ts";

/** Number → text, from RFC 8785 appendix B and the test data of its reference implementation. */
const NUMBERS: readonly (readonly [string, string])[] = [
  ["0000000000000000", "0"],
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["8000000000000001", "-5e-324"],
  ["7fefffffffffffff", "1.7976931348623157e+308"],
  ["ffefffffffffffff", "-1.7976931348623157e+308"],
  ["4340000000000000", "9007199254740992"],
  ["c340000000000000", "-9007199254740992"],
  ["4430000000000000", "295147905179352830000"],
  ["44b52d02c7e14af5", "9.999999999999997e+22"],
  ["44b52d02c7e14af6", "1e+23"],
  ["44b52d02c7e14af7", "1.0000000000000001e+23"],
  ["444b1ae4d6e2ef4e", "999999999999999700000"],
  ["444b1ae4d6e2ef4f", "999999999999999900000"],
  ["444b1ae4d6e2ef50", "1e+21"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555553", "333333333.3333332"],
  ["41b3de4355555557", "333333333.33333343"],
  ["becbf647612f3696", "-0.0000033333333333333333"],
  ["43143ff3c1cb0959", "1424953923781206.2"],
];

const numberOf = (hex: string): number => Buffer.from(hex, "hex").readDoubleBE(0);

describe("canonical JSON", () => {
  it.each(NUMBERS)("writes the number %s as %s, as RFC 8785 does", (hex, text) => {
    expect(canonicalize(numberOf(hex))).toBe(text);
  });

  it("orders keys by UTF-16 code units, integer-like ones too, as RFC 8785 section 3.2.3 shows", () => {
    const value = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    };
    expect(canonicalize(value)).toBe(
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis",' +
        '"€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    );
    expect(canonicalize({ 10: 1, 9: 2, 1: 3 })).toBe('{"1":3,"10":1,"9":2}');
  });

  it("writes the sample of RFC 8785 section 3.2.2 as the RFC does", () => {
    const value = {
      numbers: [JSON.parse("333333333.33333329"), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"/",
      literals: [null, true, false],
    };
    expect(canonicalize(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });
});

describe("a fingerprint", () => {
  it("is the SHA-256 of the canonical text, in hex", () => {
    expect(sha256Hex("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(fingerprint({ b: 1, a: [] })).toBe(sha256Hex('{"a":[],"b":1}'));
    expect(fingerprint({ text: "ä€😀" })).toBe(sha256Hex('{"text":"ä€😀"}'));
  });

  it("is golden: a change of it would make every outbox disagree with every hub", () => {
    expect(commandFingerprint("owner", { type: "thread.archive", threadId: "thread", commandId: "command" })).toBe(
      "319c87b3125ad698356e476d426d0789ec4d8cf51ac1a79dced11d4fe52ddcef",
    );
  });

  it("does not depend on the order of keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(fingerprint(reversed)).toBe(fingerprint(value));
      }),
    );
  });

  it("survives the way over JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(fingerprint(JSON.parse(JSON.stringify(value)))).toBe(fingerprint(value));
      }),
    );
  });

  it("refuses what is no JSON", () => {
    for (const value of [undefined, Number.NaN, Number.POSITIVE_INFINITY, "\ud800"])
      expect(() => fingerprint(value)).toThrow();
  });
});

describe("the fingerprint of a command", () => {
  const content = { type: "thread.archive", threadId: "thread", commandId: "command" };
  const plain = commandFingerprint("owner", content);

  it("covers who gives it (ORC-20)", () => {
    expect(commandFingerprint("other", content)).not.toBe(plain);
  });

  it("covers the content", () => {
    expect(commandFingerprint("owner", { ...content, threadId: "other" })).not.toBe(plain);
  });

  it("omits what a retry may change: the client's clock and the trace (ORC-20)", () => {
    const retried = { ...content, clientCreatedAt: "2026-01-01T00:00:00Z", traceparent: "00-a-b-01" };
    expect(commandFingerprint("owner", retried)).toBe(plain);
  });

  it("is compared by one function", () => {
    expect(compareFingerprint(plain, plain)).toBe("same");
    expect(compareFingerprint(plain, commandFingerprint("other", content))).toBe("other");
  });
});
