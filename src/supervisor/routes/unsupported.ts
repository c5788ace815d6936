/** What the Docker Engine API has and mdocker does not, with what to tell who asks for it. */
const unsupported: readonly (readonly [method: RegExp, path: RegExp, why: string])[] = [
  [
    /^POST$/,
    /^\/build$/,
    "mdocker does not build images: make one from a root filesystem with `mdocker image import`",
  ],
  [/^POST$/, /^\/build\/cancel$/, "mdocker does not build images, so there is no build cache"],
  [
    /^POST$/,
    /^\/commit$/,
    "mdocker does not make images of containers: export one and import it with `mdocker image import`",
  ],
  [
    /^POST$/,
    /^\/images\/create$/,
    "mdocker does not pull images: make one with `mdocker image create` or `mdocker image import`",
  ],
  [
    /^POST$/,
    /^\/images\/load$/,
    "mdocker does not load images: import a root filesystem with `mdocker image import`",
  ],
  [/^POST$/, /^\/images\/.+\/push$/, "mdocker does not push images"],
  [/^GET$/, /^\/images\/(.+\/)?get$/, "mdocker does not save images: export a container instead"],
  [/^GET$/, /^\/images\/search$/, "mdocker does not search registries"],
  [/^GET$/, /^\/distribution\//, "mdocker does not ask registries"],
  [
    /./,
    /^\/containers\/[^/]+\/attach\/ws$/,
    "mdocker does not attach by websocket: use POST /containers/ID/attach",
  ],
  [/./, /^\/containers\/[^/]+\/checkpoints?(\/|$)/, "mdocker does not make checkpoints of containers"],
  [/^POST$/, /^\/(session|grpc)$/, "mdocker has no BuildKit: it does not build images"],
  [
    /./,
    /^\/(swarm|nodes|services|tasks|secrets|configs)(\/|$)/,
    "mdocker is not part of a swarm, and cannot be",
  ],
  [/./, /^\/plugins(\/|$)/, "mdocker has no plugins"],
];

/** The sentence for a request that no route answers, when docker's own daemon would; the URL without its version. */
export function whyNotSupported(method: string, url: string): string | undefined {
  const [path = ""] = url.split("?");
  return unsupported.find(([methods, paths]) => methods.test(method) && paths.test(path))?.[2];
}
