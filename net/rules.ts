import { type Chain, chainNames, type Family, type Rule, rule } from "./chain.ts";
import { hasBridge, type Network } from "./network.ts";
import type { Publication } from "./ports/publication.ts";
import { publicationRules } from "./ports/rules.ts";

type Made = readonly [words: string, target: string, reason: string];

/** A rule for each of some networks. */
function each(
  networks: readonly Network[],
  chosen: (network: Network) => boolean,
  make: (network: Network) => Made,
): Rule[] {
  return networks.filter(chosen).map((network) => {
    const [words, target, reason] = make(network);
    return rule(words, `${network.owner}:${network.name}`, target, reason);
  });
}

const all = (): boolean => true;
const outward = ({ internal }: Network): boolean => !internal;

function forwardRules(owner: string, networks: readonly Network[]): Rule[] {
  const { ports } = chainNames(owner);
  const jump = rule("", owner, ports, "published ports are let in, and nothing else that comes from outside");
  // In phases over all networks, not network by network: what one lets out must not enter another.
  return [
    ...each(networks, all, ({ bridge }) => [
      `-o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED`,
      "ACCEPT",
      "answers to containers may come in",
    ]),
    ...each(
      networks,
      ({ icc }) => !icc,
      ({ bridge }) => [
        `-i ${bridge} -o ${bridge}`,
        "DROP",
        "containers may not talk to each other, not even by a published port",
      ],
    ),
    ...each(
      networks,
      ({ internal }) => internal,
      ({ bridge }) => [`-i ${bridge} ! -o ${bridge}`, "DROP", "an internal network has no way out"],
    ),
    ...(networks.some(outward) ? [jump] : []),
    ...each(networks, all, ({ bridge }) => [
      `! -i ${bridge} -o ${bridge}`,
      "DROP",
      "nobody else reaches containers directly",
    ]),
    ...each(networks, all, ({ bridge }) => [
      `-i ${bridge}`,
      "ACCEPT",
      "containers may talk to each other and go out",
    ]),
  ];
}

/** The networks as a family sees them: with the subnet that they have in it, if they have one. */
function ofFamily(networks: readonly Network[], family: Family): Network[] {
  const bridged = networks.filter(hasBridge);
  if (family === 4) return bridged;
  return bridged.flatMap((network) =>
    network.subnet6 === undefined ? [] : [{ ...network, subnet: network.subnet6 }],
  );
}

/**
 * The chains that these networks of one instance need, and what their containers publish, in the order in which it was
 * published; none for no network. A function of its arguments alone: what is there is held against it.
 */
export function desiredChains(
  owner: string,
  networks: readonly Network[],
  publications: readonly Publication[] = [],
  family: Family = 4,
): Chain[] {
  const present = ofFamily(networks, family);
  if (present.length === 0) return [];
  const { user, forward, ports, postrouting, prerouting } = chainNames(owner);
  const filter: Chain[] = [
    { table: "filter", name: user, kind: "user", rules: [] },
    { table: "filter", name: forward, kind: "own", rules: forwardRules(owner, present) },
    {
      table: "filter",
      name: "FORWARD",
      kind: "built-in-top",
      rules: [
        rule("", owner, user, "the user's own rules come first; this chain is never touched"),
        rule("", owner, forward, "the rules of the networks, before the host's own would refuse"),
      ],
    },
  ];
  // A network without a way in or out needs no more.
  if (!present.some(outward)) return filter;
  const published = publications.flatMap((publication) => {
    const network = present.find(({ name }) => name === publication.network);
    return network === undefined ? [] : [publicationRules(network, publication, family)];
  });
  const local = family === 4 ? "" : "! -d ::1/128 ";
  return [
    {
      table: "raw",
      name: prerouting,
      kind: "own",
      rules: [
        ...(family === 6
          ? []
          : each(present, outward, ({ bridge }) => [
              `-d 127.0.0.0/8 -i ${bridge}`,
              "DROP",
              "no container reaches what listens on the host's own loopback, whatever route it makes itself",
            ])),
        ...published.flatMap((rules) => rules.prerouting),
      ],
    },
    {
      table: "raw",
      name: "PREROUTING",
      kind: "built-in-top",
      rules: [rule("", owner, prerouting, "before anything is translated: what must not come in as it is")],
    },
    { table: "filter", name: ports, kind: "own", rules: published.flatMap((rules) => rules.forward) },
    ...filter,
    { table: "nat", name: ports, kind: "own", rules: published.flatMap((rules) => rules.translation) },
    {
      table: "nat",
      name: postrouting,
      kind: "own",
      rules: [
        ...each(
          present,
          ({ masquerade, internal, subnet }) => masquerade && !internal && subnet !== "",
          ({ subnet, bridge }) => [
            `-s ${subnet} ! -o ${bridge}`,
            "MASQUERADE",
            "outside, packets carry the host's address: nobody there knows a way to the subnet",
          ],
        ),
        ...published.flatMap((rules) => rules.postrouting),
      ],
    },
    {
      table: "nat",
      name: "PREROUTING",
      kind: "built-in-end",
      rules: [
        rule(
          "-m addrtype --dst-type LOCAL",
          owner,
          ports,
          "what others send to an address of the host may be meant for a published port",
        ),
      ],
    },
    {
      table: "nat",
      name: "OUTPUT",
      kind: "built-in-end",
      rules: [
        rule(
          `${local}-m addrtype --dst-type LOCAL`,
          owner,
          ports,
          family === 4
            ? "and so may what the host sends to itself"
            : "and so may what the host sends to itself; ::1 cannot be led elsewhere (the kernel has no route_localnet for it)",
        ),
      ],
    },
    {
      table: "nat",
      name: "POSTROUTING",
      kind: "built-in-end",
      rules: [rule("", owner, postrouting, "after the host's own rules, so that those win")],
    },
  ];
}
