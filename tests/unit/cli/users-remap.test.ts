import { describe, expect, test } from "vitest";
import { readRemap } from "../../../src/cli/options/users-remap.ts";

const subuid = "ann:100000:65536\nbob:200000:1000\n1007:700000:65536\n";
const subgid = "ann:300000:131072\nstaff:400000:65536\nbob:500000:65536\n1007:800000:65536\n";

describe("--userns-remap", () => {
  test.each([
    ["default", "auto"],
    ["ann", "100000:300000:65536"],
    ["ann:staff", "100000:400000:65536"],
    ["bob", "200000:500000:1000"],
    ["1007", "700000:800000:65536"],
    ["5:6:7", "5:6:7"],
  ])("%s is --userns %s", (text, users) => {
    expect(readRemap(text, subuid, subgid)).toBe(users);
  });

  test.each([
    ["carl", "carl has no range in /etc/subuid"],
    ["ann:carl", "carl has no range in /etc/subgid"],
    ["", "expected default"],
    ["a:b:c", "expected default"],
  ])("%s is refused: %s", (text, why) => {
    expect(() => readRemap(text, subuid, subgid)).toThrow(why);
  });
});
