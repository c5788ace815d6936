import { existsSync } from "node:fs";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";
import {
  ConflictError,
  hasErrno,
  type MdockerError,
  NotFoundError,
  NotModifiedError,
  SetupError,
  UsageError,
} from "../core/errors.ts";
import { type Instance, supervisorSocket } from "../core/paths.ts";

/** What a request says besides its method and path. */
interface RequestOptions {
  /** Values that are undefined are left out; `true` is sent as 1. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Gives up: the connection is closed. */
  readonly signal?: AbortSignal | undefined;
}

/** A connection that has become a two-way stream. */
export interface Upgraded {
  readonly connection: Duplex;
  /** Output comes in frames: the process has no terminal. */
  readonly framed: boolean;
}

/**
 * The supervisor of an instance, by the Docker Engine API. What it refuses is thrown as the error that it was there:
 * NotFoundError, ConflictError, NotModifiedError, UsageError, or SetupError.
 */
export interface SupervisorClient {
  request(method: string, path: string, options?: RequestOptions): Promise<Response>;
  /** An answer whose body comes in parts; it is there when the headers are. */
  stream(method: string, path: string, options?: RequestOptions): Promise<Readable>;
  /** Attach and exec start: the connection is the stream from now on, each direction with its own end. */
  upgrade(path: string, options?: RequestOptions): Promise<Upgraded>;
}

interface Response {
  readonly status: number;
  /** Undefined for an answer without a body. */
  readonly json: unknown;
}

function target(path: string, query: RequestOptions["query"] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== false);
  if (given.length === 0) return path;
  const values = new URLSearchParams();
  for (const [name, value] of given) values.set(name, value === true ? "1" : String(value));
  return `${path}?${values.toString()}`;
}

function failure(status: number, message: string): MdockerError {
  if (status === 404) return new NotFoundError(message);
  if (status === 409) return new ConflictError(message);
  if (status === 304) return new NotModifiedError(message);
  return status < 500 ? new UsageError(message) : new SetupError(message);
}

async function textOf(answer: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** What the server says went wrong. */
async function refusal(answer: IncomingMessage): Promise<MdockerError> {
  const text = await textOf(answer);
  let message = text;
  try {
    message = String((JSON.parse(text) as { readonly message?: unknown }).message ?? text);
  } catch {
    // Not JSON: the text itself has to do.
  }
  const status = answer.statusCode ?? 500;
  return failure(status, message === "" ? `the supervisor answered with status ${status}` : message);
}

class HttpClient implements SupervisorClient {
  readonly #http: typeof import("node:http");
  readonly #socketPath: string;

  constructor(http: typeof import("node:http"), socketPath: string) {
    this.#http = http;
    this.#socketPath = socketPath;
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const answer = await this.#answer(method, path, options);
    const text = await textOf(answer);
    const isJson = answer.headers["content-type"]?.startsWith("application/json") === true && text !== "";
    return { status: answer.statusCode ?? 0, json: isJson ? JSON.parse(text) : undefined };
  }

  async stream(method: string, path: string, options: RequestOptions = {}): Promise<Readable> {
    return this.#answer(method, path, options);
  }

  upgrade(path: string, options: RequestOptions = {}): Promise<Upgraded> {
    return new Promise((resolve, reject) => {
      const request = this.#send("POST", path, options, { connection: "Upgrade", upgrade: "tcp" });
      request.once("error", reject);
      request.once("upgrade", (answer, connection, head) => {
        if (head.length > 0) connection.unshift(head);
        const framed = answer.headers["content-type"]?.includes("multiplexed") === true;
        resolve({ connection, framed });
      });
      request.once("response", (answer) => refusal(answer).then(reject, reject));
    });
  }

  async #answer(method: string, path: string, options: RequestOptions): Promise<IncomingMessage> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = this.#send(method, path, options, {});
      request.once("response", resolve);
      request.once("error", reject);
    });
    const { statusCode = 500 } = answer;
    if (statusCode < 200 || statusCode >= 300) throw await refusal(answer);
    return answer;
  }

  #send(
    method: string,
    path: string,
    { query, body, signal }: RequestOptions,
    more: Readonly<Record<string, string>>,
  ): ClientRequest {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      host: "mdocker",
      "content-length": Buffer.byteLength(text),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...more,
    };
    const request = this.#http.request({
      socketPath: this.#socketPath,
      method,
      path: target(path, query),
      headers,
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    });
    request.end(text);
    return request;
  }
}

/** What a request fails with that meets no supervisor, or one that is just going: it may be gone before it has read all. */
const gone = ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"];

/** The supervisor of this instance, if one can be talked to; none is started. */
export async function findSupervisor(instance: Instance): Promise<SupervisorClient | undefined> {
  const path = supervisorSocket(instance);
  // Mostly there is none, and then node:http need not be loaded.
  if (!existsSync(path)) return undefined;
  const client = new HttpClient(await import("node:http"), path);
  try {
    await client.request("GET", "/_ping");
    return client;
  } catch (error) {
    if (hasErrno(error, ...gone)) return undefined;
    throw error;
  }
}

/** How often a supervisor is started that is gone again before we talk to it. */
const attempts = 3;

/**
 * The supervisor of this instance, which is started when there is none.
 * @throws SetupError when it cannot be started or reached
 */
export async function connectSupervisor(instance: Instance): Promise<SupervisorClient> {
  const http = await import("node:http");
  const path = supervisorSocket(instance);
  const client = new HttpClient(http, path);
  for (let attempt = 0; ; attempt++) {
    try {
      await client.request("GET", "/_ping");
      return client;
    } catch (error) {
      if (!hasErrno(error, ...gone)) throw error;
      if (attempt === attempts) throw new SetupError(`${path}: nobody listens there`, { cause: error });
    }
    const { startSupervisor } = await import("./start-supervisor.ts");
    await startSupervisor(instance);
  }
}
