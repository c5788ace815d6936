import type { ContainerRecord } from "../../container/record.ts";
import type { RunRequest } from "../../container/request.ts";
import type { ContainerSize } from "../../container/size.ts";
import { describeStatus } from "../../container/status.ts";
import type { Instance } from "../../core/paths.ts";
import { imageIdOf, imageName } from "./inspect.ts";
import { describeMounts } from "./mounts.ts";
import { describeEndpoints, networkMode } from "./networks.ts";
import { describePortList } from "./ports.ts";
import { stateWord } from "./state.ts";

/** One entry of GET /containers/json. */
export async function describeEntry(
  instance: Instance,
  record: ContainerRecord,
  request: RunRequest | undefined,
  size: ContainerSize | undefined,
): Promise<object> {
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: imageName(record, request),
    ImageID: imageIdOf(instance, record),
    Command: record.command.join(" "),
    Created: Math.floor(Date.parse(record.created) / 1000),
    Ports: describePortList(record),
    ...(size === undefined ? {} : { SizeRw: size.writable, SizeRootFs: size.whole }),
    Labels: record.labels,
    State: stateWord(record),
    Status: describeStatus(record, Date.now()),
    HostConfig: { NetworkMode: networkMode(record) },
    NetworkSettings: { Networks: await describeEndpoints(instance, record) },
    Mounts: describeMounts(instance, request?.mounts ?? []),
  };
}
