import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { commitImage, digestOf } from "../../../rootfs/image-commit.ts";
import { collectImageGarbage } from "../../../rootfs/image-garbage.ts";
import { listImages, removeImage, resolveImage, tagImage } from "../../../rootfs/image-store.ts";
import { stageLayer } from "../../../rootfs/layer-staging.ts";
import type { Instance } from "../../../src/core/paths.ts";

let instance: Instance = { root: "", state: "", prefix: "test" };
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "mdocker-store-"));
  instance = { root, state: join(root, "run"), prefix: "test" };
});
afterEach(() => rmSync(instance.root, { recursive: true }));

/** Stores an image of layers with one file each; the same names give the same layers. */
function store(name: string, layers: readonly string[], created?: string): ReturnType<typeof commitImage> {
  const staged = new Map<string, string>();
  for (const layer of layers) {
    const staging = stageLayer(instance);
    writeFileSync(join(staging, layer), layer);
    staged.set(digestOf(layer), staging);
  }
  const config = {
    architecture: "amd64",
    ...(created === undefined ? {} : { created }),
    config: { Cmd: ["/bin/x"], Labels: null },
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    history: [{ created_by: name }],
  };
  const descriptors = layers.map((layer) => ({ mediaType: "layer", digest: digestOf(layer), size: 1 }));
  return commitImage(instance, {
    name,
    config: JSON.stringify(config),
    layers: descriptors,
    staged,
    size: 7,
  });
}

const layersThere = () => readdirSync(join(instance.root, "layers")).length;
const blobsThere = () => readdirSync(join(instance.root, "blobs/sha256")).length;

describe("the image store", () => {
  test("an empty one has nothing and makes nothing", () => {
    expect(resolveImage(instance, "lab")).toBeUndefined();
    expect(listImages(instance)).toEqual([]);
    expect(removeImage(instance, "lab")).toBeUndefined();
    expect(collectImageGarbage(instance)).toEqual([]);
    expect(readdirSync(instance.root)).toEqual([]);
  });

  test("gives back what was stored, layers lowest first", () => {
    const image = store("lab", ["base", "top"], "2024-05-06T07:08:09Z");
    expect(resolveImage(instance, "lab")).toEqual(image);
    expect(image).toMatchObject({
      reference: "lab:latest",
      size: 7,
      created: "2024-05-06T07:08:09.000Z",
      architecture: "amd64",
      config: { Cmd: ["/bin/x"], Env: [], Entrypoint: [], WorkingDir: "", User: "", Labels: {} },
    });
    expect(image.layers.map((layer) => readdirSync(layer))).toEqual([["base"], ["top"]]);
  });

  test("is closed to everybody else", () => {
    store("lab", ["base"]);
    for (const name of ["images", "layers", "blobs"]) {
      expect(statSync(join(instance.root, name)).mode & 0o777).toBe(0o700);
    }
    expect(statSync(join(instance.root, "images/index.json")).mode & 0o777).toBe(0o600);
  });

  test.each([["lab"], ["lab:latest"], ["docker.io/library/lab"], ["index.docker.io/lab:latest"]])(
    "%s finds it",
    (name) => {
      const { id } = store("lab", ["base"]);
      expect(resolveImage(instance, name)?.id).toBe(id);
    },
  );

  test("so do the beginning of its id and the digest of its manifest", () => {
    const { id, manifest } = store("lab:v1", ["base"]);
    for (const text of [
      id,
      id.slice(7),
      id.slice(7, 19),
      id.slice(0, 15),
      `lab@${manifest}`,
      `lab:any@${manifest}`,
    ]) {
      expect(resolveImage(instance, text)?.reference).toBe("lab:v1");
    }
    expect(resolveImage(instance, `other@${manifest}`)).toBeUndefined();
    expect(resolveImage(instance, "0".repeat(64))).toBeUndefined();
  });

  test("a name that looks like an id is a name first", () => {
    const { id } = store("deadbeef", ["base"]);
    expect(resolveImage(instance, "deadbeef")?.id).toBe(id);
  });

  test("an image without a believable date has the day it was stored", () => {
    const { created } = store("lab", ["base"], "1970-01-01T00:00:00Z");
    expect(Date.parse(created)).toBeGreaterThan(Date.UTC(2024, 0, 1));
  });

  test("a stored name moves to the new image, the old one goes with the garbage", () => {
    const old = store("lab", ["base", "old"]);
    const now = store("lab", ["base", "new"]);
    expect(resolveImage(instance, "lab")?.id).toBe(now.id);
    expect(resolveImage(instance, old.id)).toBeUndefined();
    expect(collectImageGarbage(instance).map((line) => line.split(" ")[1])).toEqual([
      "layer",
      "image",
      "image",
    ]);
    expect(now.layers.every((layer) => existsSync(layer))).toBe(true);
    expect(old.layers.map((layer) => existsSync(layer))).toEqual([true, false]);
    expect(collectImageGarbage(instance)).toEqual([]);
  });

  test("layers that containers stand on stay", () => {
    const { layers } = store("lab", ["base"]);
    removeImage(instance, "lab");
    collectImageGarbage(instance, layers);
    expect(layersThere()).toBe(1);
    collectImageGarbage(instance);
    expect([layersThere(), blobsThere()]).toEqual([0, 0]);
  });

  test("names come and go; the image goes with the last", () => {
    const { id } = store("lab", ["base"]);
    tagImage(instance, "lab", "registry:5000/team/lab:v2");
    expect(listImages(instance).map(({ reference }) => reference)).toEqual([
      "lab:latest",
      "registry:5000/team/lab:v2",
    ]);
    expect(() => removeImage(instance, id)).toThrow("has the names lab:latest, registry:5000/team/lab:v2");
    expect(removeImage(instance, "lab")).toEqual({ untagged: ["lab:latest"], deleted: undefined });
    expect(removeImage(instance, id)).toEqual({ untagged: ["registry:5000/team/lab:v2"], deleted: id });
    expect(removeImage(instance, id)).toBeUndefined();
  });

  test("all names of an id go with force", () => {
    const { id } = store("lab", ["base"]);
    tagImage(instance, id, "other");
    expect(removeImage(instance, id, true)).toEqual({
      untagged: ["lab:latest", "other:latest"],
      deleted: id,
    });
  });

  test("names to give are checked", () => {
    const { manifest } = store("lab", ["base"]);
    expect(() => tagImage(instance, "ghost", "x")).toThrow("image ghost: no such image");
    expect(() => tagImage(instance, "lab", `x@${manifest}`)).toThrow("has no digest");
    expect(() => tagImage(instance, "lab", "../../x")).toThrow("malformed");
  });

  test("a layer stored by two at once is stored once", () => {
    const [first, second] = [store("a", ["base"]), store("b", ["base", "top"])];
    expect(second.layers[0]).toBe(first.layers[0]);
    expect(layersThere()).toBe(2);
  });

  test("a config with a layer that is nowhere is refused", () => {
    const config = JSON.stringify({ rootfs: { type: "layers", diff_ids: [digestOf("ghost")] } });
    const image = { name: "x", config, layers: [], staged: new Map<string, string>(), size: 0 };
    expect(() => commitImage(instance, image)).toThrow("is not in the store");
    expect(resolveImage(instance, "x")).toBeUndefined();
  });

  test("what is no digest never becomes a path", () => {
    const config = JSON.stringify({ rootfs: { type: "layers", diff_ids: ["sha256:../../../etc"] } });
    const image = { name: "x", config, layers: [], staged: new Map<string, string>(), size: 0 };
    expect(() => commitImage(instance, image)).toThrow("expected sha256: and 64 hex digits");
  });

  test("garbage of the dead goes, work of the living stays", () => {
    store("lab", ["base"]);
    const ours = stageLayer(instance);
    const { pid } = spawnSync("true");
    const dead = join(instance.root, "layers", `.staging-${pid}-1-abcdef`);
    mkdirSync(join(dead, "etc"), { recursive: true });
    const torn = join(instance.root, "blobs/sha256", `${"0".repeat(64)}.1.1.tmp`);
    writeFileSync(torn, "torn");
    collectImageGarbage(instance);
    expect([ours, dead, torn].map((path) => existsSync(path))).toEqual([true, false, false]);
    expect(resolveImage(instance, "lab")).toBeDefined();
  });

  test("a broken index says which file", () => {
    store("lab", ["base"]);
    writeFileSync(join(instance.root, "images/index.json"), "{");
    expect(() => resolveImage(instance, "lab")).toThrow(
      `${instance.root}/images/index.json: not an image index`,
    );
  });

  test("so does a missing document", () => {
    const { id } = store("lab", ["base"]);
    rmSync(join(instance.root, "blobs/sha256", id.slice(7)));
    expect(() => resolveImage(instance, "lab")).toThrow("is missing (remove the image and make it again)");
  });
});
