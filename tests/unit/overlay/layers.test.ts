import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxOptions, planOverlay } from "../../../overlay/layers.ts";

const directory = "/var/lib/mdocker/containers/c";

describe("the plan of an overlay", () => {
  test("names the topmost layer first, and why-nots explicitly", () => {
    const plan = planOverlay({ lowers: ["/base", "/top"], directory, ephemeral: false });
    expect(plan.options).toBe(
      `lowerdir=/top:/base,upperdir=${directory}/upper,workdir=${directory}/work,index=off,metacopy=off,redirect_dir=off`,
    );
    expect(plan).toMatchObject({ merged: `${directory}/merged`, cwd: undefined });
    expect(plan.links).toEqual([]);
  });

  test("what is thrown away is not synced", () => {
    expect(planOverlay({ lowers: ["/base"], directory, ephemeral: true }).options).toMatch(/,volatile$/);
  });

  test("characters that mean something are escaped", () => {
    const plan = planOverlay({ lowers: ["/a:b,c\\d"], directory: "/x,y", ephemeral: false });
    expect(plan.options).toContain("lowerdir=/a\\:b\\,c\\\\d,upperdir=/x\\,y/upper,workdir=/x\\,y/work,");
  });

  test("when the names do not fit they are short links", () => {
    const lowers = Array.from(
      { length: 128 },
      (_, i) => `/var/lib/mdocker/layers/${String(i).padStart(64, "0")}`,
    );
    const plan = planOverlay({ lowers, directory, ephemeral: true });
    expect(plan.cwd).toBe(directory);
    expect(plan.options).toMatch(/^lowerdir=l127:l126:.*:l1:l0,upperdir=upper,workdir=work,/);
    expect(plan.links[127]).toEqual({ path: `${directory}/l127`, target: lowers[127] });
  });

  test("the options always fit into a page, or the plan is refused", () => {
    const path = fc.stringMatching(/^(\/[a-z:,\\]{1,60}){1,3}$/);
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 500 }), fc.boolean(), (lowers, ephemeral) => {
        const plan = planOverlay({ lowers, directory, ephemeral });
        expect(Buffer.byteLength(plan.options)).toBeLessThanOrEqual(maxOptions);
      }),
    );
  });

  test("no layer and too many are refused", () => {
    expect(() => planOverlay({ lowers: [], directory, ephemeral: false })).toThrow("no lower directory");
    const lowers = Array.from({ length: 501 }, () => "/x");
    expect(() => planOverlay({ lowers, directory, ephemeral: false })).toThrow("at most 500");
  });
});
