import { resolveImage } from "../../rootfs/image-store.ts";
import { MdockerError, UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import type { ContainerRecord } from "./record.ts";
import { findContainer } from "./refresh.ts";
import { networksOf } from "./status.ts";
import { readSpec } from "./store.ts";

/** Says of a container whether it passes. */
type Test = (record: ContainerRecord) => boolean;

/** docker takes the value for a part of the name, or a regular expression: `^web$`. */
function nameTest(value: string): Test {
  let pattern: RegExp | undefined;
  try {
    pattern = new RegExp(value);
  } catch {
    // Then only as it is.
  }
  return ({ name }) =>
    name.includes(value) || pattern?.test(name) === true || pattern?.test(`/${name}`) === true;
}

/** A label by name, or by name and value: `NAME[=VALUE]`. */
export function labelTest(value: string): Test {
  const [name = "", wanted] = value.split(/=(.*)/s);
  return ({ labels }) => {
    const own = Object.hasOwn(labels, name) ? labels[name] : undefined;
    return own !== undefined && (wanted === undefined || own === wanted);
  };
}

/** An image by any name, digest or beginning of one, and what was made from it: its layers are the lowest of theirs. */
function ancestorTest(instance: Instance, value: string): Test {
  let layers: readonly string[] | undefined;
  try {
    layers = resolveImage(instance, value)?.layers;
  } catch (error) {
    // No name of an image that is here: containers may still know it.
    if (!(error instanceof MdockerError)) throw error;
  }
  return (record) =>
    record.image === value ||
    record.image.split(":")[0] === value ||
    (layers !== undefined && layers.length > 0 && layers.every((layer, i) => layer === record.layers[i]));
}

/** A volume by name, or anything mounted there. */
function volumeTest(instance: Instance, value: string): Test {
  const directory = `${instance.root}/volumes/${value}/_data`;
  return ({ id }) => {
    try {
      return readSpec(instance, id).mounts.some(
        ({ type, source, destination }) =>
          type === "bind" && (source === directory || source === value || destination === value),
      );
    } catch (error) {
      if (error instanceof MdockerError) return false;
      throw error;
    }
  };
}

/** Older, or newer, than another container. @throws NotFoundError */
function ageTest(instance: Instance, value: string, newer: boolean): Test {
  const other = findContainer(instance, value);
  return ({ id, created }) => id !== other.id && (newer ? created > other.created : created < other.created);
}

const tests: Readonly<Record<string, (instance: Instance, value: string) => Test>> = {
  id: (_, value) => (record) => record.id.startsWith(value),
  name: (_, value) => nameTest(value),
  label: (_, value) => labelTest(value),
  exited: (_, value) => (record) => record.state === "exited" && String(record.exit?.code) === value,
  status: (_, value) => (record) => record.state === value,
  ancestor: ancestorTest,
  network: (_, value) => (record) => networksOf(record).includes(value),
  volume: volumeTest,
  before: (instance, value) => ageTest(instance, value, false),
  since: (instance, value) => ageTest(instance, value, true),
  health: (_, value) => (record) => (record.health?.status ?? "none") === value,
};

/** What containers can be filtered by. */
export const filterKeys: readonly string[] = Object.keys(tests);

/** Keys whose filters must all hold for a label, and of which any may hold else, as in docker. */
const conjunctive: ReadonlySet<string> = new Set(["label"]);

/**
 * The containers that pass: all keys, and of each key any value (of label every one).
 * @throws UsageError for a key that there is not, NotFoundError for before and since another container that is not there.
 */
export function filterContainers(
  instance: Instance,
  records: readonly ContainerRecord[],
  filters: ReadonlyMap<string, readonly string[]>,
): ContainerRecord[] {
  const asked = [...filters].map(([key, values]) => {
    const make = Object.hasOwn(tests, key) ? tests[key] : undefined;
    if (make === undefined) throw new UsageError(`filter ${key}: expected one of ${filterKeys.join(", ")}`);
    return { all: conjunctive.has(key), each: values.map((value) => make(instance, value)) };
  });
  return records.filter((record) =>
    asked.every(({ all, each }) =>
      all ? each.every((test) => test(record)) : each.some((test) => test(record)),
    ),
  );
}
