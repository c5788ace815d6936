/**
 * Every fault that `network why` knows by name, in the order in which a packet meets them: what the user notices, why
 * packets are lost by it, and how it is mended. docs/why.md is made from this list.
 */
export const faults = {
  "not-running": {
    title: "container not running",
    looks: "nothing answers; `mdocker ps -a` shows it as created or exited",
    because: "its network namespace exists only while one of its processes lives",
    mended: "start it",
  },
  "namespace-gone": {
    title: "network namespace gone",
    looks: "the container is on record as running, and nothing of it answers",
    because:
      "its processes were killed behind mdocker's back, and the namespace with its links went with them",
    mended: "start it again: it gets a new namespace, cable and address",
  },
  "no-link": {
    title: "interface missing",
    looks: "`ip link` inside shows only lo",
    because: "somebody deleted the veth pair, or one end of it, which deletes both",
    mended: "disconnect the container from the network and connect it again: a new pair is made",
  },
  "link-down": {
    title: "link down",
    looks: "`ip link` inside shows the interface without UP; `Network is unreachable`",
    because:
      "a link that is down neither sends nor receives, and the kernel removes the routes that lead over it",
    mended: "set it up again, and put back the default route that went with it",
  },
  "host-end-down": {
    title: "host end of the cable down",
    looks: "inside, the interface is UP with NO-CARRIER; nobody answers",
    because: "a veth pair carries packets only while both of its ends are up",
    mended: "set the host end up",
  },
  detached: {
    title: "host end detached from the bridge",
    looks: "both ends are up, and nobody answers ARP",
    because: "the cable hangs in the air: the host end is a port of no bridge, or of another network's",
    mended: "make it a port of the network's bridge again",
  },
  "parent-down": {
    title: "parent link down",
    looks: "containers of a macvlan or ipvlan network reach neither the LAN nor each other",
    because:
      "their interfaces stand on a link of the host: while that is down or unplugged, nothing of them gets through",
    mended: "set the host's link up, or plug in its cable",
  },
  "bridge-missing": {
    title: "bridge missing",
    looks: "nobody on the network answers, the gateway included",
    because: "the bridge was deleted: the host ends of all its cables hang in the air",
    mended: "start a container on the network, which makes the bridge again, and attach the ports",
  },
  "bridge-down": {
    title: "bridge down",
    looks: "nobody on the network answers, the gateway included",
    because: "a bridge that is down passes nothing on, and the host loses its route to the network",
    mended: "set it up",
  },
  "bridge-address": {
    title: "gateway address missing on the bridge",
    looks: "containers reach each other, but neither the host nor the outside",
    because: "nobody answers ARP for the gateway, and the host has no route to the network",
    mended: "give the bridge its address again",
  },
  "no-address": {
    title: "no address",
    looks: "`ip addr` inside shows no address of the network; `Network is unreachable`",
    because: "without an address there is no route to the network, and nobody to answer ARP",
    mended: "give it its leased address again, and the default route that went with it",
  },
  "wrong-prefix": {
    title: "wrong prefix length",
    looks: "some neighbours are reached and others not, or the outside is not",
    because:
      "it decides by the prefix who is a neighbour: too short a prefix makes it ask by ARP for those behind the gateway, too long a one sends neighbours' packets to the gateway",
    mended: "replace the address by the same one with the network's prefix length",
  },
  "duplicate-address": {
    title: "duplicate address",
    looks: "it works now and then, or for some and not for others",
    because: "two answer ARP for one address, and the one that answers first gets the packets",
    mended: "take the address from the one that it was not leased to, and forget what was learned meanwhile",
  },
  "duplicate-mac": {
    title: "duplicate MAC address",
    looks: "it works now and then: packets change sides whenever one of the two sends",
    because: "a bridge learns behind which port a MAC address is, and learns it anew from every packet",
    mended: "give the link its own MAC address back, and let the bridge forget what it learned",
  },
  "policy-rule": {
    title: "policy-routing rule astray",
    looks: "`ip route` looks right, and packets go elsewhere all the same",
    because:
      "`ip rule` is asked before the main table, and one of its rules sends these packets to another table",
    mended: "delete the rule",
  },
  "no-route": {
    title: "no route",
    looks: "`Network is unreachable` at once",
    because: "no route fits the destination: the default route is missing",
    mended: "add the default route by the network's gateway",
  },
  "wrong-route": {
    title: "wrong route",
    looks: "`No route to host` after three seconds, or silence",
    because: "the route leads to an address that nobody has, or to somebody who does not pass packets on",
    mended: "replace it by the one the container was given",
  },
  "no-uplink": {
    title: "host without a way out",
    looks: "containers reach each other and the host, but not the outside",
    because: "the host itself has no route to the destination",
    mended: "give the host its default route back",
  },
  internal: {
    title: "internal network",
    looks: "`Network is unreachable`: the container has no default route",
    because: "the network was created with --internal: that it has no way out is its purpose",
    mended: "connect the container to a network with a way out, if it may have one",
  },
  neighbour: {
    title: "wrong neighbour entry",
    looks: "silence, although both ends are well",
    because:
      "packets are sent to a MAC address that is not the receiver's: a permanent entry, or one learned from an impostor",
    mended: "delete the entry: the next packet asks by ARP",
  },
  "no-neighbour": {
    title: "nobody answers for the address",
    looks: "`No route to host` after three seconds",
    because: "the destination is on the sender's own network, and nobody there has the address",
    mended: "look up the right address: `mdocker network inspect`",
  },
  "parent-host": {
    title: "host and container on one parent link",
    looks: "the LAN and the other containers answer, this host alone does not",
    because: "the kernel passes nothing between a link and the macvlan or ipvlan links that stand on it",
    mended: "give the host such a link of its own, and a route by it; or meet on a bridge network",
  },
  "macvlan-mode": {
    title: "macvlan mode keeps them apart",
    looks: "the LAN answers, the other containers of the network do not",
    because: "with macvlan_mode=private nothing passes between the links on one parent",
    mended: "set the mode of both links to bridge, and create the network with macvlan_mode=bridge next time",
  },
  "port-state": {
    title: "bridge port not forwarding",
    looks: "both ends are up, and nobody answers ARP",
    because:
      "the bridge drops what comes in by a port that is disabled or blocked (by hand or by spanning tree)",
    mended: "set the port to forwarding",
  },
  isolated: {
    title: "ports isolated from each other",
    looks: "the gateway answers, the neighbours do not",
    because:
      "the network was created with icc=false, or the ports were set so: isolated ports may talk to the bridge alone",
    mended: "give the two a network of their own, or set one of the ports to not isolated",
  },
  fdb: {
    title: "forwarding database wrong",
    looks: "silence, although ARP is answered",
    because: "the bridge believes the receiver's MAC address behind another port",
    mended: "delete the entry: the bridge learns it anew",
  },
  mtu: {
    title: "MTU mismatch black hole",
    looks: "ping and small answers work, connections hang as soon as much is sent",
    because:
      "a link in the middle of one network takes only shorter packets than the sender makes; a bridge has no way to say so and drops them",
    mended: "set the same MTU on all links of the network",
  },
  qdisc: {
    title: "packets lost in a queue",
    looks: "silence, or endless waiting",
    because:
      "a queueing discipline (netem, tbf) on a link on the way drops everything: an impairment, or an experiment that was forgotten",
    mended: "delete the queueing discipline",
  },
  "ip-forward": {
    title: "forwarding off",
    looks: "containers reach the host, but neither other networks nor the outside",
    because: "ip_forward is 0: the host takes what is for itself and drops the rest",
    mended: "switch forwarding on",
  },
  "rp-filter": {
    title: "dropped by the reverse path filter",
    looks: "requests arrive at the interface (tcpdump shows them) and nobody answers",
    because: "strict rp_filter drops what comes in by another interface than an answer would leave by",
    mended: "set rp_filter to loose (2) on the link",
  },
  "firewall-user": {
    title: "dropped by the user's own chain",
    looks: "silence (DROP) or an error at once (REJECT)",
    because: "a rule in MDOCKER-USER, which comes before all of mdocker's, refuses the packet",
    mended: "delete the rule",
  },
  isolation: {
    title: "networks are isolated from each other",
    looks: "silence between containers of different networks",
    because: "mdocker's own rules let nobody into a network but its own containers and answers to them",
    mended: "connect one of the two to the other's network",
  },
  "unpublished-port": {
    title: "port not published",
    looks: "from outside: silence",
    because: "mdocker's own rules let in only what is published with -p",
    mended:
      "publish the port (-p) when the container is started; until then let it in by a rule of MDOCKER-USER",
  },
  "firewall-host": {
    title: "dropped by the host's firewall",
    looks: "silence (DROP) or an error at once (REJECT)",
    because: "a rule of the host's own, in a built-in chain or another program's, refuses the packet",
    mended: "delete the rule, or let the packet in before it",
  },
  "firewall-inside": {
    title: "dropped by a firewall inside the container",
    looks: "silence (DROP) or an error at once (REJECT)",
    because: "a network namespace has its own tables, and a rule in them refuses the packet",
    mended: "delete the rule, in the container's network namespace",
  },
  "firewall-foreign": {
    title: "dropped by an nftables ruleset",
    looks: "silence, although no rule that iptables shows refuses anything",
    because:
      "a table of nftables beside iptables' own drops packets on the way: an accept elsewhere does not help",
    mended: "delete the rule with nft, or accept the packet in that very chain",
  },
  "nat-missing": {
    title: "NAT rule missing",
    looks: "the host is reached, the outside is not: its answers find no way back",
    because: "packets leave with the container's own address, which nobody outside knows",
    mended: "put the MASQUERADE rule back",
  },
  "port-mapping": {
    title: "port mapping points at a stale address",
    looks: "a published port hangs or refuses, although the container listens",
    because: "the DNAT rule still leads to an address that the container has no more",
    mended: "delete the stale rule and let mdocker make the right one",
  },
  "conntrack-full": {
    title: "connection tracking table full",
    looks: "established connections go on, new ones are lost; the kernel log says `nf_conntrack: table full`",
    because: "each new connection needs an entry, and there is room for none",
    mended: "raise nf_conntrack_max, or drop the entries",
  },
  "conntrack-stale": {
    title: "stale connection tracking entry",
    looks: "one client's UDP packets go to a container that is gone, while everybody else's arrive",
    because:
      "translation is decided once for each connection; as long as packets keep an entry alive, new rules do not count for it",
    mended: "delete the entry: the next packet is decided anew",
  },
  "not-listening": {
    title: "nobody listens on the port",
    looks: "`Connection refused` at once",
    because: "the packet arrives, and no socket of the peer has that port",
    mended: "start the service",
  },
  "loopback-only": {
    title: "service listens on 127.0.0.1 only",
    looks: "`Connection refused`, although it answers inside the container",
    because: "127.0.0.1 is the container's own loopback: nothing from outside arrives there",
    mended:
      "let the service listen on 0.0.0.0 or its own address; until then translate the destination inside the container",
  },
  "echo-ignored": {
    title: "echo requests ignored",
    looks: "ping is silent, TCP works",
    because: "icmp_echo_ignore_all is set in the peer",
    mended: "set it to 0",
  },
  "dns-server": {
    title: "DNS server wrong",
    looks: "addresses are reached, names are not: `Temporary failure in name resolution`",
    because: "/etc/resolv.conf names a server that does not answer, or that does not know containers",
    mended: "put the network's own server back",
  },
  "name-unknown": {
    title: "name not registered",
    looks: "addresses are reached, this name is not: `Name or service not known`",
    because: "the server answers, and does not know the name on this network",
    mended: "connect the two to one network, or register the name anew",
  },
  outside: {
    title: "lost outside",
    looks: "silence",
    because:
      "the packet left this host as it should, and nothing came back: the fault is beyond what can be seen from here",
    mended: "look there: a firewall, a route back, a machine that is off",
  },
  unexplained: {
    title: "lost without a visible reason",
    looks: "silence, although everything looks right",
    because: "something on the way drops the packet that these checks do not know",
    mended: "the last place where the packet was seen is printed: look behind it",
  },
} as const;

export type FaultId = keyof typeof faults;
