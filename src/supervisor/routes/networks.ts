import type { FastifyInstance } from "fastify";
import { defineNetwork } from "../../../net/define.ts";
import { readDriver } from "../../../net/driver/options.ts";
import { connectContainer, disconnectContainer } from "../../container/connect.ts";
import { labelTest } from "../../container/filter.ts";
import { describeNetworkDocument } from "../../container/network-document.ts";
import {
  containersOn,
  deleteNetwork,
  findListedNetwork,
  type ListedNetwork,
  listNetworks,
  pruneNetworks,
} from "../../container/networks.ts";
import { NotFoundError, UsageError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import { NotSupportedError } from "../http/errors.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { type Filters, filtersOf } from "../http/query.ts";
import type { EndpointBody } from "../translate/body.ts";
import { endpoint } from "../translate/schema.ts";
import type { Translators } from "../translate/translators.ts";

const text = { type: ["string", "null"] };
const flag = { type: ["boolean", "null"] };
const textMap = { type: ["object", "null"], additionalProperties: { type: "string" } };

const createSchema = {
  type: "object",
  required: ["Name"],
  properties: {
    Name: { type: "string" },
    Driver: text,
    ...{ Internal: flag, EnableIPv6: flag, Ingress: flag, ConfigOnly: flag },
    ...{ Options: textMap, Labels: textMap },
    IPAM: {
      type: ["object", "null"],
      properties: {
        Driver: text,
        Config: {
          type: ["array", "null"],
          items: {
            type: "object",
            properties: { Subnet: text, Gateway: text, IPRange: text, AuxiliaryAddresses: textMap },
          },
        },
      },
    },
  },
};

interface CreateBody {
  readonly Name: string;
  readonly Driver?: string | null;
  readonly Internal?: boolean | null;
  readonly EnableIPv6?: boolean | null;
  readonly Ingress?: boolean | null;
  readonly ConfigOnly?: boolean | null;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly IPAM?: {
    readonly Driver?: string | null;
    readonly Config?:
      | readonly {
          readonly Subnet?: string | null;
          readonly Gateway?: string | null;
          readonly IPRange?: string | null;
          readonly AuxiliaryAddresses?: Readonly<Record<string, string>> | null;
        }[]
      | null;
  } | null;
}

const connectSchema = {
  type: "object",
  required: ["Container"],
  properties: { Container: { type: "string" }, Force: flag, EndpointConfig: endpoint },
};

interface ConnectBody {
  readonly Container: string;
  readonly EndpointConfig?: EndpointBody | null;
}

function orNothing(value: string | null | undefined): string | undefined {
  return value === null || value === "" ? undefined : value;
}

/** What of a new network cannot be had. @throws NotSupportedError */
function refuseUnsupported(body: CreateBody): void {
  if (body.Ingress === true || body.ConfigOnly === true)
    throw new NotSupportedError("networks of a swarm are not supported");
  const ipam = orNothing(body.IPAM?.Driver) ?? "default";
  if (ipam !== "default")
    throw new NotSupportedError(`IPAM driver ${ipam} is not supported: expected default`);
}

const filterNames = ["id", "name", "label", "driver", "scope", "type", "dangling"];

function matches(engine: Engine, { id, name, driver, definition }: ListedNetwork, filters: Filters): boolean {
  const labels = { labels: definition?.labels ?? {} } as Parameters<ReturnType<typeof labelTest>>[0];
  const one = (key: string, value: string): boolean => {
    if (key === "id") return id.startsWith(value);
    if (key === "name") return name.includes(value);
    if (key === "label") return labelTest(value)(labels);
    if (key === "driver") return driver === value;
    if (key === "scope") return value === "local";
    const custom = !["bridge", "host", "none"].includes(name);
    if (key === "type") return value === (custom ? "custom" : "builtin");
    return (
      (custom && containersOn(engine.instance, name, false).length === 0) ===
      (value === "true" || value === "1")
    );
  };
  return [...filters].every(([key, values]) =>
    key === "label" ? values.every((value) => one(key, value)) : values.some((value) => one(key, value)),
  );
}

/** A network's own words for that it is not there: clients look for them. */
async function found(engine: Engine, reference: string): Promise<ListedNetwork> {
  try {
    return await findListedNetwork(engine.instance, reference);
  } catch (error) {
    if (error instanceof NotFoundError) throw new NotFoundError(`network ${reference} not found`);
    throw error;
  }
}

function tell(
  engine: Engine,
  action: string,
  network: { readonly id: string; readonly name: string; readonly driver: string },
  more: Readonly<Record<string, string>> = {},
): void {
  const attributes = { name: network.name, type: network.driver, ...more };
  engine.events.emit({ type: "network", action, actor: { id: network.id, attributes } });
}

/** /networks: list, inspect, create, remove, prune, connect, disconnect. */
export function registerNetworks(app: FastifyInstance, engine: Engine, translators: Translators): void {
  const { instance } = engine;

  app.get("/networks", async (request) => {
    const filters = filtersOf(queryOf(request), filterNames);
    const all = await listNetworks(instance);
    return all
      .filter((one) => matches(engine, one, filters))
      .map((one) => describeNetworkDocument(instance, one));
  });

  app.get("/networks/:id", async (request) =>
    describeNetworkDocument(instance, await found(engine, referenceOf(request))),
  );

  app.post("/networks/create", { schema: { body: createSchema } }, async (request, reply) => {
    const body = request.body as CreateBody;
    refuseUnsupported(body);
    const ranges = body.IPAM?.Config ?? [];
    const driver = orNothing(body.Driver) ?? "bridge";
    const all = (values: readonly (string | null | undefined)[]) =>
      values.flatMap((value) => orNothing(value) ?? []);
    const { id } = await defineNetwork(instance, {
      name: body.Name,
      driver: readDriver(driver === "default" ? "bridge" : driver),
      subnets: all(ranges.map(({ Subnet }) => Subnet)),
      gateways: all(ranges.map(({ Gateway }) => Gateway)),
      ipRanges: all(ranges.map(({ IPRange }) => IPRange)),
      auxiliary: Object.assign({}, ...ranges.map(({ AuxiliaryAddresses }) => AuxiliaryAddresses ?? {})),
      ipv6: body.EnableIPv6 === true,
      internal: body.Internal === true,
      labels: body.Labels ?? {},
      options: body.Options ?? {},
    });
    tell(engine, "create", { id, name: body.Name, driver });
    return reply.code(201).send({ Id: id, Warning: "" });
  });

  app.delete("/networks/:id", async (request, reply) => {
    const network = await found(engine, referenceOf(request));
    await deleteNetwork(instance, network.name);
    tell(engine, "destroy", network);
    return reply.code(204).send();
  });

  app.post("/networks/prune", async (request) => {
    const filters = filtersOf(queryOf(request), ["label", "label!", "until"]);
    if (filters.has("until")) throw new UsageError("invalid filter 'until': expected label or label!");
    const wanted = (labels: Readonly<Record<string, string>>): boolean => {
      const record = { labels } as Parameters<ReturnType<typeof labelTest>>[0];
      return (
        (filters.get("label") ?? []).every((value) => labelTest(value)(record)) &&
        !(filters.get("label!") ?? []).some((value) => labelTest(value)(record))
      );
    };
    const NetworksDeleted = await pruneNetworks(instance, ({ labels }) => wanted(labels));
    return { NetworksDeleted: NetworksDeleted.length === 0 ? null : NetworksDeleted };
  });

  app.post("/networks/:id/connect", { schema: { body: connectSchema } }, async (request, reply) => {
    const { Container, EndpointConfig } = request.body as ConnectBody;
    const network = await found(engine, referenceOf(request));
    const record = engine.find(Container);
    const wish = translators.endpoint(network.name, EndpointConfig);
    await connectContainer(instance, record, network.name, wish);
    tell(engine, "connect", network, { container: record.id });
    return reply.code(200).send();
  });

  app.post("/networks/:id/disconnect", { schema: { body: connectSchema } }, async (request, reply) => {
    const network = await found(engine, referenceOf(request));
    const record = engine.find((request.body as ConnectBody).Container);
    await disconnectContainer(instance, record, network.name);
    tell(engine, "disconnect", network, { container: record.id });
    return reply.code(200).send();
  });
}
