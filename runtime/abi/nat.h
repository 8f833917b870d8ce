/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Address translation at the node's devices (runtime/prog/device.bpf.c, xdp.bpf.c). Written by them alone; user space reads the
 * tables, and writes "devices" and the exclusions. Part of POLICYC_ABI_VERSION.
 *
 * The key of an element is the tuple of a packet as it is on the wire, its value the tuple that the packet is given. A connection
 * has two elements, one for each direction; the value of either, turned round, is the key of the other:
 *
 *   client:cp -> frontend:fp   becomes   node:np -> backend:bp
 *   backend:bp -> node:np      becomes   frontend:fp -> client:cp
 *
 * ICMP echo: the identifier is the source port of a request and the destination port of a reply, the other port is 0.
 * Byte order as in abi.h.
 */
#ifndef POLICYC_RUNTIME_ABI_NAT_H
#define POLICYC_RUNTIME_ABI_NAT_H

#include "runtime/abi/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "nat4", "nat6": hash. */
struct nat4_key {
	policyc_be32 source;
	policyc_be32 destination;
	policyc_be16 source_port;
	policyc_be16 destination_port;
	policyc_u8 protocol;
	policyc_u8 pad[3];
};
struct nat6_key {
	policyc_u8 source[16];
	policyc_u8 destination[16];
	policyc_be16 source_port;
	policyc_be16 destination_port;
	policyc_u8 protocol;
	policyc_u8 pad[3];
};

/* Both elements of a connection have the same times, frontend, backend and closing flags. */
struct nat_state {
	policyc_u64 expires;   /* ticks of the kernel's clock; from then on the element counts as absent */
	policyc_u32 version;   /* odd while the element is rewritten in place */
	policyc_u32 refreshed; /* ticks, the lower half: when `expires` was last looked after */
	policyc_u32 frontend;  /* its number; 0: no service */
	policyc_u32 backend;   /* its number and generation (service.h) */
	policyc_u32 generation;
	policyc_u16 flags; /* NAT_* */
	policyc_u16 pad;
};
/* CT_CLOSING_ORIG 1, CT_CLOSING_REPLY 2, CT_SEEN_REPLY 4: as in ct_value.flags, of the whole connection. */
#define NAT_ORIGINAL 8U	 /* packets of this element go the way of the first one */
#define NAT_EGRESS   16U /* for packets that leave by a device; else for those that come in */
#define NAT_FORWARD  32U /* to another host: routed and sent on at once, past the stack */
#define NAT_DSR                                                                                              \
	64U /* at the balancing node: the backend answers the client itself, there is no second element */
#define NAT_DSR_END                                                                                          \
	256U /* at the backend's node: the other element's key is this one's turned round; only egress is translated */
#define NAT_SERVICE 128U /* goes to a backend of a frontend, or comes from there */
#define NAT_OTHER_FAMILY                                                                                     \
	512U /* the value's tuple is of the other IP family than the key's: the packet gets another header */

/* Of both tables; IPv4 addresses are in the first four bytes, the rest is 0. */
struct nat_value {
	struct nat_state state;
	policyc_be16 source_port;
	policyc_be16 destination_port;
	policyc_u32 pad;
	policyc_u8 source[16];
	policyc_u8 destination[16];
};

/* "devices": hash by interface index; devices without an element are left alone. */
struct device_value {
	policyc_u32 flags;	/* DEVICE_* */
	policyc_be32 ipv4;	/* the source that is given; 0: none, what needs one is dropped */
	policyc_u8 ipv6[16];	/* all zero: none */
	policyc_u16 port_first; /* host order; source ports that are given */
	policyc_u16 port_last;
	policyc_u8 mac[6]; /* XDP translates only what is sent to it */
	policyc_u16 pad;
};
#define DEVICE_MASQUERADE4     1U /* endpoints get the node's address towards the outside */
#define DEVICE_MASQUERADE6     2U
#define DEVICE_HAS_EXCLUSIONS4 4U /* "nat_exclusions4", "nat_exclusions6" are asked */
#define DEVICE_HAS_EXCLUSIONS6 8U
#define DEVICE_SERVICES	       16U /* packets to frontends are translated */
#define DEVICE_DSR	       32U /* frontends that other nodes' packets bring along are answered for */
#define DEVICE_DSR_IPIP	       64U /* what comes in here goes to backends' nodes wrapped, not with an option */
#define NAT_PORT_FIRST	       32768U /* defaults: what Cilium leaves beside node ports */
#define NAT_PORT_LAST	       65535U

/* "nat_exclusions4", "nat_exclusions6": LPM tries of destinations that see endpoints' own addresses (value: policyc_u8). */
struct nat_exclusion4_key {
	policyc_u32 prefix_length;
	policyc_be32 address;
};
struct nat_exclusion6_key {
	policyc_u32 prefix_length;
	policyc_u8 address[16];
};

/*
 * "nat_tries": per-CPU array of policyc_u64: connections by the number of ports that were tried before one was free (0: the
 * client's own); the last one counts those that got none.
 */
#define NAT_TRIES	32U
#define NAT_TRIES_SLOTS (NAT_TRIES + 2)
#define NAT_TRIES_NONE	(NAT_TRIES + 1)

/*
 * What the program "nat_collect" is run with, by BPF_PROG_TEST_RUN: an Ethernet header (14 bytes, not looked at), this head and up
 * to NAT_COLLECT_KEYS keys of that family. It removes those elements that have been expired for `grace` ticks. With `unanswered`
 * it also ends connections that nobody has answered for so many ticks (a second at least), for a table that is nearly full; a later
 * run removes them. "nat_collected": array of one, what came of it.
 */
#define NAT_COLLECT_KEYS 64U
struct nat_collect_head {
	policyc_u32 family; /* 4 or 6 */
	policyc_u32 count;
	policyc_u32 grace; /* ticks */
	policyc_u32 unanswered;
};
struct nat_collected_value {
	policyc_u64 now; /* ticks */
	policyc_u64 removed;
	policyc_u64 ended;
};

POLICYC_ASSERT(sizeof(struct nat4_key) == 16 && sizeof(struct nat6_key) == 40);
POLICYC_ASSERT(sizeof(struct nat_state) == 32 && offsetof(struct nat_state, version) == 8);
POLICYC_ASSERT(sizeof(struct nat_value) == 72 && offsetof(struct nat_value, source) == 40);
POLICYC_ASSERT(sizeof(struct device_value) == 36 && offsetof(struct device_value, port_first) == 24);
POLICYC_ASSERT(sizeof(struct nat_exclusion4_key) == 8 && sizeof(struct nat_exclusion6_key) == 20);
POLICYC_ASSERT(sizeof(struct nat_collect_head) == 16 && sizeof(struct nat_collected_value) == 24);

#ifdef __cplusplus
}
#endif
#endif /* POLICYC_RUNTIME_ABI_NAT_H */
