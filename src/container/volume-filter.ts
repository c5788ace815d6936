import { UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { type VolumeTest, volumeUsers } from "./volumes.ts";

type Filter = (value: string, used: () => ReadonlyMap<string, unknown>) => VolumeTest;

function labelTest(value: string): VolumeTest {
  const [key = "", wanted] = value.split(/=(.*)/s);
  return ({ labels }) => Object.hasOwn(labels, key) && (wanted === undefined || labels[key] === wanted);
}

function dangling(value: string, used: () => ReadonlyMap<string, unknown>): VolumeTest {
  const wanted = /^(1|t|true)$/i.test(value);
  if (!wanted && !/^(0|f|false)$/i.test(value))
    throw new UsageError(`filter dangling: ${value}: expected true or false`);
  const users = used();
  return ({ name }) => users.has(name) !== wanted;
}

/** What `volume ls` filters by. */
const listing: Readonly<Record<string, Filter>> = {
  name: (value) => (volume) => volume.name.includes(value),
  label: labelTest,
  driver: (value) => () => value === "local",
  dangling,
};

/** What `volume prune` filters by. */
const pruning: Readonly<Record<string, Filter>> = {
  label: labelTest,
  "label!": (value) => {
    const has = labelTest(value);
    return (volume) => !has(volume);
  },
  // How docker's clients ask for volumes with names too; the caller looks at it.
  all: () => () => true,
};

/**
 * The test that docker's filters amount to: of each key any value has to hold, for `label` and `label!` each.
 * @throws UsageError for a key that is none
 */
export function volumeTest(
  instance: Instance,
  filters: ReadonlyMap<string, readonly string[]>,
  purpose: "list" | "prune",
): VolumeTest {
  const known = purpose === "list" ? listing : pruning;
  let users: ReadonlyMap<string, unknown> | undefined;
  const used = () => {
    users ??= volumeUsers(instance);
    return users;
  };
  const tests = [...filters].map(([key, values]): VolumeTest => {
    const make = Object.hasOwn(known, key) ? known[key] : undefined;
    if (make === undefined) throw new UsageError(`filter ${key}: expected ${Object.keys(known).join(", ")}`);
    const each = values.map((value) => make(value, used));
    const whole = key.startsWith("label");
    return (volume) =>
      whole ? each.every((passes) => passes(volume)) : each.some((passes) => passes(volume));
  });
  return (volume) => tests.every((passes) => passes(volume));
}
