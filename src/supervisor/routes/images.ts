import type { FastifyInstance } from "fastify";
import type { Image } from "../../../rootfs/image.ts";
import { collectImageGarbage } from "../../../rootfs/image-garbage.ts";
import { listImages, removeImage, resolveImage, tagImage } from "../../../rootfs/image-store.ts";
import { listRecords } from "../../container/store.ts";
import { ConflictError, NotFoundError, UsageError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import { queryOf } from "../http/params.ts";
import { type Filters, filtersOf, flagOf, textOf } from "../http/query.ts";

/** Images by id: one may have several names. */
export function imagesById(engine: Engine): Map<string, { readonly image: Image; readonly names: string[] }> {
  const found = new Map<string, { image: Image; names: string[] }>();
  for (const image of listImages(engine.instance)) {
    const known = found.get(image.id);
    if (known === undefined) found.set(image.id, { image, names: [image.reference] });
    else known.names.push(image.reference);
  }
  return found;
}

function findImage(engine: Engine, name: string): Image {
  const image = resolveImage(engine.instance, name);
  if (image === undefined) throw new NotFoundError(`no such image: ${name}`);
  return image;
}

/** The containers that were made from an image: its layers are the lowest of theirs. */
function usersOf(engine: Engine, { layers }: Image): string[] {
  return engine
    .list()
    .filter((record) => layers.length > 0 && layers.every((layer, at) => layer === record.layers[at]))
    .map(({ id }) => id);
}

/** One entry of GET /images/json. */
export function describeImageEntry(engine: Engine, image: Image, names: readonly string[]): object {
  return {
    Id: image.id,
    ParentId: "",
    RepoTags: names,
    RepoDigests: [],
    Created: Math.floor(Date.parse(image.created) / 1000),
    Size: image.size,
    SharedSize: -1,
    VirtualSize: image.size,
    Labels: image.config.Labels,
    Containers: usersOf(engine, image).length,
  };
}

function emptyMap(keys: readonly string[]): Record<string, object> | null {
  return keys.length === 0 ? null : Object.fromEntries(keys.map((key) => [key, {}]));
}

function describeImage(engine: Engine, image: Image): object {
  const { config } = image;
  return {
    Id: image.id,
    RepoTags: imagesById(engine).get(image.id)?.names ?? [],
    RepoDigests: [],
    Parent: "",
    Comment: "",
    Created: image.created,
    DockerVersion: "",
    Author: "",
    Config: {
      Hostname: "",
      Domainname: "",
      User: config.User,
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      Env: config.Env,
      Cmd: config.Cmd.length === 0 ? null : config.Cmd,
      Entrypoint: config.Entrypoint.length === 0 ? null : config.Entrypoint,
      Image: "",
      Volumes: emptyMap(config.Volumes),
      ExposedPorts: emptyMap(config.ExposedPorts),
      WorkingDir: config.WorkingDir,
      OnBuild: null,
      Labels: config.Labels,
      ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
    },
    Architecture: image.architecture,
    Os: "linux",
    Size: image.size,
    VirtualSize: image.size,
    GraphDriver: { Name: "overlay2", Data: { LowerDir: [...image.layers].reverse().join(":") } },
    RootFS: {
      Type: "layers",
      Layers: image.layers.map((layer) => `sha256:${layer.slice(layer.lastIndexOf("/") + 1)}`),
    },
    Metadata: { LastTagTime: image.created },
  };
}

const filterNames = ["reference", "label", "dangling", "before", "since", "until"];

function hasLabel({ config }: Image, wanted: string): boolean {
  const [name = "", value] = wanted.split(/=(.*)/s);
  return Object.hasOwn(config.Labels, name) && (value === undefined || config.Labels[name] === value);
}

/** `lab`, `lab:*`, `user/tool:1.?`: a pattern of a name; without a tag every tag of it. */
function isNamed(reference: string, pattern: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  return new RegExp(`^${source}(:[^/:]*)?$`).test(reference);
}

function matches(engine: Engine, image: Image, names: readonly string[], filters: Filters): boolean {
  const one = (key: string, value: string): boolean => {
    if (key === "reference") return names.some((name) => isNamed(name, value));
    if (key === "label") return hasLabel(image, value);
    // Every image of the store has a name.
    if (key === "dangling") return !/^(true|1)$/.test(value);
    if (key === "before") return image.created < findImage(engine, value).created;
    if (key === "since") return image.created > findImage(engine, value).created;
    throw new UsageError(`invalid filter '${key}': expected ${filterNames.slice(0, 5).join(", ")}`);
  };
  return [...filters].every(([key, values]) =>
    key === "label" ? values.every((value) => one(key, value)) : values.some((value) => one(key, value)),
  );
}

/** Layers that containers stand on: their files stay. @throws when one of the records cannot be read */
function layersInUse({ instance }: Engine): string[] {
  const refuse = (error: Error): never => {
    throw error;
  };
  return listRecords(instance, refuse).flatMap(({ layers }) => layers);
}

/** The name in a path such as `/images/user/tool:1/json`: it may have slashes. */
function nameIn(path: unknown, end: string): string {
  const text = String((path as { readonly "*": string })["*"]);
  return end === "" ? text : text.slice(0, -end.length - 1);
}

/** /images: list, inspect, history, tag, remove, prune. */
export function registerImages(app: FastifyInstance, engine: Engine): void {
  const { instance } = engine;

  app.get("/images/json", async (request) => {
    const query = queryOf(request);
    const filters = filtersOf(query, filterNames);
    const pattern = textOf(query, "filter");
    return [...imagesById(engine).values()]
      .filter(({ image, names }) => matches(engine, image, names, filters))
      .filter(({ names }) => pattern === undefined || names.some((name) => isNamed(name, pattern)))
      .map(({ image, names }) => describeImageEntry(engine, image, names));
  });

  app.get("/images/*", (request, reply) => {
    const path = nameIn(request.params, "");
    if (path.endsWith("/json"))
      return reply.send(describeImage(engine, findImage(engine, nameIn(request.params, "json"))));
    if (path.endsWith("/history")) {
      const image = findImage(engine, nameIn(request.params, "history"));
      const Created = Math.floor(Date.parse(image.created) / 1000);
      const Tags = imagesById(engine).get(image.id)?.names ?? null;
      return reply.send([{ Id: image.id, Created, CreatedBy: "", Tags, Size: image.size, Comment: "" }]);
    }
    return reply.callNotFound();
  });

  app.post("/images/*", (request, reply) => {
    if (!nameIn(request.params, "").endsWith("/tag")) return reply.callNotFound();
    const query = queryOf(request);
    const image = findImage(engine, nameIn(request.params, "tag"));
    const repository = textOf(query, "repo");
    if (repository === undefined) throw new UsageError("repo: missing: expected the name to give");
    tagImage(instance, image.id, `${repository}:${textOf(query, "tag") ?? "latest"}`);
    engine.events.emit({
      type: "image",
      action: "tag",
      actor: { id: image.id, attributes: { name: repository } },
    });
    return reply.code(201).send();
  });

  app.delete("/images/*", async (request) => {
    const name = nameIn(request.params, "");
    const force = flagOf(queryOf(request), "force");
    const image = findImage(engine, name);
    const names = imagesById(engine).get(image.id)?.names ?? [];
    const [user] = usersOf(engine, image);
    if (user !== undefined && names.length === 1 && !force)
      throw new ConflictError(
        `conflict: unable to remove repository reference "${name}" (must force) - container ${user.slice(0, 12)} is using its referenced image ${image.id.slice(7, 19)}`,
      );
    const removed = removeImage(instance, name, force);
    collectImageGarbage(instance, layersInUse(engine));
    engine.events.emit({ type: "image", action: "untag", actor: { id: image.id, attributes: { name } } });
    return [
      ...(removed?.untagged ?? []).map((one) => ({ Untagged: one })),
      ...(removed?.deleted === undefined ? [] : [{ Deleted: removed.deleted }]),
    ];
  });

  app.post("/images/prune", async (request) => {
    const filters = new Map(filtersOf(queryOf(request), ["dangling", "label", "label!", "until"]));
    // Every image has a name: only who asks for all unused ones gets any.
    const all = filters.get("dangling")?.some((value) => /^(false|0)$/.test(value)) === true;
    filters.delete("dangling");
    if (filters.size > 0) throw new UsageError("filters: images are pruned by dangling alone");
    const unused = all
      ? [...imagesById(engine).values()].filter(({ image }) => usersOf(engine, image).length === 0)
      : [];
    for (const { names } of unused) for (const name of names) removeImage(instance, name, true);
    if (unused.length > 0) collectImageGarbage(instance, layersInUse(engine));
    const deleted = unused.flatMap(({ image, names }) => [
      ...names.map((name) => ({ Untagged: name })),
      { Deleted: image.id },
    ]);
    const SpaceReclaimed = unused.reduce((sum, { image }) => sum + image.size, 0);
    return { ImagesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed };
  });
}
