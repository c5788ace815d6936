import type { IncomingMessage } from "node:http";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { apiVersionOf, checkVersion, withoutVersion } from "../../../src/supervisor/http/version.ts";

function requestOf(url: string): IncomingMessage {
  return { url } as IncomingMessage;
}

describe("the version in front of a path", () => {
  test("is taken away and remembered", () => {
    fc.assert(
      fc.property(fc.integer({ min: 24, max: 47 }), fc.webPath(), (minor, rest) => {
        const request = requestOf(`/v1.${minor}/containers${rest}`);
        expect(withoutVersion(request)).toBe(`/containers${rest}`);
        expect(apiVersionOf(request)).toBe(minor);
        expect(() => checkVersion(request)).not.toThrow();
      }),
    );
  });

  test("may be missing", () => {
    for (const url of ["/containers/json", "/v1/x", "/v1.40", "/volumes", "/v1.x/y", "*", ""]) {
      const request = requestOf(url);
      expect(withoutVersion(request)).toBe(url);
      expect(apiVersionOf(request)).toBe(47);
      expect(() => checkVersion(request)).not.toThrow();
    }
  });

  test("is refused in docker's words when it is not spoken", () => {
    const refusal = (version: string): (() => void) => {
      const request = requestOf(`/v${version}/info`);
      withoutVersion(request);
      return () => checkVersion(request);
    };
    expect(refusal("1.50")).toThrow("client version 1.50 is too new. Maximum supported API version is 1.47");
    expect(refusal("2.0")).toThrow("client version 2.0 is too new");
    expect(refusal("1.23")).toThrow("client version 1.23 is too old. Minimum supported API version is 1.24");
    expect(refusal("0.99")).toThrow("too old");
  });
});
