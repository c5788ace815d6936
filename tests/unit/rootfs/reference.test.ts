import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
} from "../../../rootfs/reference.ts";
import { UsageError } from "../../../src/core/errors.ts";

const digest = `sha256:${"ab".repeat(32)}`;

describe("image names", () => {
  test.each([
    ["lab", "docker.io/library/lab:latest", "lab:latest"],
    ["lab:1.0", "docker.io/library/lab:1.0", "lab:1.0"],
    ["user/tool", "docker.io/user/tool:latest", "user/tool:latest"],
    ["docker.io/lab", "docker.io/library/lab:latest", "lab:latest"],
    ["index.docker.io/user/tool", "docker.io/user/tool:latest", "user/tool:latest"],
    ["localhost/tool", "localhost/tool:latest", "localhost/tool:latest"],
    ["localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c"],
    ["ghcr.io/a/b", "ghcr.io/a/b:latest", "ghcr.io/a/b:latest"],
    ["Registry/a", "Registry/a:latest", "Registry/a:latest"],
    ["[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"],
    [`lab@${digest}`, `docker.io/library/lab@${digest}`, `lab@${digest}`],
    [`ghcr.io/a:t@${digest}`, `ghcr.io/a:t@${digest}`, `ghcr.io/a:t@${digest}`],
    ["a__b/c---d/e.f", "docker.io/a__b/c---d/e.f:latest", "a__b/c---d/e.f:latest"],
  ])("%s is %s", (text, canonical, familiar) => {
    const reference = parseReference(text);
    expect(canonicalName(reference)).toBe(canonical);
    expect(familiarName(reference)).toBe(familiar);
  });

  test("a library image keeps its path when more than one part follows", () => {
    expect(familiarRepository(parseReference("library/a/b"))).toBe("library/a/b");
  });

  test.each([
    ["", "name part"],
    ["Lab", "name part"],
    ["lab:", "tag"],
    ["lab:-x", "tag"],
    [`lab:${"x".repeat(129)}`, "tag"],
    ["lab@sha256:abc", "digest"],
    [`lab@sha512:${"ab".repeat(64)}`, "digest"],
    ["../etc", "malformed"],
    ["a//b", "name part"],
    ["a/../b", "name part"],
    ["/a", "name part"],
    ["a/", "name part"],
    ["a..b/c", "malformed"],
    ["a_-b", "name part"],
    ["-.x/y", "registry"],
    ["host:123456/a", "registry"],
    ["x".repeat(256), "at most 255"],
    ["a\nb", "name part"],
    ["a b", "name part"],
  ])("%j is refused for its %s", (text, part) => {
    expect(() => parseReference(text)).toThrow(UsageError);
    expect(() => parseReference(text)).toThrow(part);
  });

  test("whatever is parsed stays the same when written and parsed again", () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,8})?$/);
    const name = fc.tuple(
      fc.array(word, { minLength: 1, maxLength: 4 }),
      fc.stringMatching(/^\w[\w.-]{0,20}$/),
    );
    fc.assert(
      fc.property(name, ([parts, tag]) => {
        const reference = parseReference(`${parts.join("/")}:${tag}`);
        expect(parseReference(canonicalName(reference))).toEqual(reference);
        expect(parseReference(familiarName(reference))).toEqual(reference);
      }),
    );
  });

  test("any text is parsed or refused with a usage error, and never leads out of a folder", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9./:@_-]{1,40}$/)), (text) => {
        try {
          const { domain, path, tag } = parseReference(text);
          for (const part of [domain, ...path.split("/"), tag]) expect(part).not.toMatch(/^\.*$|\0|\n/);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
