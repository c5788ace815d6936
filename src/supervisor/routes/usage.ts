import type { FastifyInstance } from "fastify";
import { readRequest } from "../../container/create.ts";
import { measureContainers } from "../../container/size.ts";
import { listVolumes, volumeSize, volumeUsers } from "../../container/volumes.ts";
import type { Engine } from "../engine.ts";
import { describeEntry } from "../translate/list.ts";
import { describeImageEntry, imagesById } from "./images.ts";
import { describeVolume } from "./volumes.ts";

/** GET /system/df: what takes room, and how much. */
export function registerUsage(app: FastifyInstance, engine: Engine): void {
  app.get("/system/df", async () => {
    const { instance } = engine;
    const records = engine.list();
    const sizes = measureContainers(instance, records);
    const images = [...imagesById(engine).values()];
    const users = volumeUsers(instance);
    const layers = new Map(images.map(({ image }) => [image.layers.join("\n"), image.size]));
    return {
      LayersSize: [...layers.values()].reduce((sum, size) => sum + size, 0),
      Images: images.map(({ image, names }) => describeImageEntry(engine, image, names)),
      Containers: await Promise.all(
        records.map((record) =>
          describeEntry(instance, record, readRequest(instance, record.id), sizes.get(record.id)),
        ),
      ),
      Volumes: listVolumes(instance).map((volume) => ({
        ...describeVolume(volume),
        UsageData: { Size: volumeSize(volume), RefCount: users.get(volume.name)?.length ?? 0 },
      })),
      BuildCache: [],
      BuilderSize: 0,
    };
  });
}
