import type { FastifyInstance } from "fastify";
import { volumeTest } from "../../container/volume-filter.ts";
import {
  createVolume,
  findVolume,
  listVolumes,
  removeVolume,
  type Volume,
  volumeSize,
  volumeUsers,
} from "../../container/volumes.ts";
import { NotFoundError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import { NotSupportedError } from "../http/errors.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { filtersOf, flagOf } from "../http/query.ts";

const textMap = { type: ["object", "null"], additionalProperties: { type: "string" } };

const createSchema = {
  type: ["object", "null"],
  properties: {
    Name: { type: ["string", "null"] },
    Driver: { type: ["string", "null"] },
    ...{ DriverOpts: textMap, Labels: textMap },
  },
};

interface CreateBody {
  readonly Name?: string | null;
  readonly Driver?: string | null;
  readonly DriverOpts?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

/** A volume as docker has it. */
export function describeVolume({ name, created, labels, path }: Volume): object {
  return {
    CreatedAt: created,
    Driver: "local",
    Labels: Object.keys(labels).length === 0 ? null : labels,
    Mountpoint: path,
    Name: name,
    Options: null,
    Scope: "local",
  };
}

function tell(engine: Engine, action: string, name: string): void {
  engine.events.emit({ type: "volume", action, actor: { id: name, attributes: { driver: "local" } } });
}

/** /volumes: list, inspect, create, remove, prune. */
export function registerVolumes(app: FastifyInstance, engine: Engine): void {
  const { instance } = engine;

  app.get("/volumes", async (request) => {
    const filters = filtersOf(queryOf(request), ["name", "label", "driver", "dangling"]);
    const found = listVolumes(instance).filter(volumeTest(instance, filters, "list"));
    return { Volumes: found.map(describeVolume), Warnings: null };
  });

  app.get("/volumes/:id", async (request) => describeVolume(findVolume(instance, referenceOf(request))));

  app.post("/volumes/create", { schema: { body: createSchema } }, async (request, reply) => {
    const { Name, Driver, DriverOpts, Labels } = (request.body ?? {}) as CreateBody;
    if (!["", "local"].includes(Driver ?? "") || Object.keys(DriverOpts ?? {}).length > 0)
      throw new NotSupportedError(
        "volumes have no drivers and no options: they are directories of this host",
      );
    const volume = createVolume(
      instance,
      (Name ?? "") === "" ? undefined : (Name ?? undefined),
      Labels ?? {},
    );
    tell(engine, "create", volume.name);
    return reply.code(201).send(describeVolume(volume));
  });

  app.delete("/volumes/:id", async (request, reply) => {
    const name = referenceOf(request);
    try {
      removeVolume(instance, name);
      tell(engine, "destroy", name);
    } catch (error) {
      if (!(error instanceof NotFoundError && flagOf(queryOf(request), "force"))) throw error;
    }
    return reply.code(204).send();
  });

  app.post("/volumes/prune", async (request) => {
    const filters = filtersOf(queryOf(request), ["label", "label!", "all"]);
    const all = filters.get("all")?.some((value) => /^(true|1)$/.test(value)) === true;
    const wanted = volumeTest(instance, filters, "prune");
    const users = volumeUsers(instance);
    const unused = listVolumes(instance).filter(
      (volume) => !users.has(volume.name) && (all || volume.anonymous) && wanted(volume),
    );
    let reclaimed = 0;
    for (const volume of unused) {
      const size = volumeSize(volume);
      removeVolume(instance, volume.name);
      tell(engine, "destroy", volume.name);
      reclaimed += size;
    }
    return { VolumesDeleted: unused.map(({ name }) => name), SpaceReclaimed: reclaimed };
  });
}
