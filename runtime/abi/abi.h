/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every byte that the BPF programs and the C++ side share: map names, keys, values, event records and the argument of the
 * generated policy functions. Compiles as BPF C and as C++; the assertions at the end hold both to one layout.
 *
 * Byte order: fields of type policyc_be16/be32 and address bytes are in network order; everything else is in host order.
 */
#ifndef POLICYC_RUNTIME_ABI_H
#define POLICYC_RUNTIME_ABI_H

#include "runtime/abi/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

enum policyc_drop_reason {
#define POLICYC_DROP_REASON(name, number, text) DROP_##name = number,
#include "drop_reasons.def"
#undef POLICYC_DROP_REASON
};

enum policyc_ct_status {
#define POLICYC_CT_STATUS(name, number, text) CT_##name = number,
#include "ct_states.def"
#undef POLICYC_CT_STATUS
};

/* Reserved identities (Cilium pkg/identity/numericidentity.go). */
enum policyc_identity {
	IDENTITY_UNKNOWN = 0,
	IDENTITY_HOST = 1,
	IDENTITY_WORLD = 2,
	IDENTITY_UNMANAGED = 3,
	IDENTITY_HEALTH = 4,
	IDENTITY_INIT = 5,
	IDENTITY_REMOTE_NODE = 6,
	IDENTITY_KUBE_APISERVER = 7,
	IDENTITY_INGRESS = 8,
	IDENTITY_WORLD_IPV4 = 9,
	IDENTITY_WORLD_IPV6 = 10,
};

/*
 * "endpoints": array, the index is the interface index of the host side of the veth; endpoint_id 0: no endpoint. Interface
 * indices beyond the array are in "endpoints_beyond", a hash of the same values.
 */
struct endpoint_value {
	policyc_u32 identity;
	policyc_u16 endpoint_id; /* node-local, never 0 */
	policyc_u16 flags;	 /* ENDPOINT_* */
	policyc_be32 ipv4;	 /* 0: none */
	policyc_u32 policy_slot; /* of its shape, in "policies"; 0: none, everything that asks drops */
	policyc_u8 ipv6[16];	 /* all zero: none */
	policyc_u32 shape_tag;	 /* first four bytes of the shape's hash, host order; for events */
	policyc_u32 mtu;	 /* bytes of an IP packet; 0: nothing is delivered past the stack */
	policyc_u8 mac[6];	 /* of the endpoint's side of the veth; all zero: unknown, not checked */
	policyc_u8 host_mac[6];	 /* of the host's side */
	policyc_u32 pad;
};
#define ENDPOINT_AUDIT 1U /* policy denials are reported and let through */
#define ENDPOINT_UNENFORCED                                                                                  \
	2U /* no policy selects it in either direction: nothing is asked, nothing tracked */
/* Its interface has a queue, such as one that keeps a rate: neither what it sends nor what it gets goes past the host's stack. */
#define ENDPOINT_QUEUED 4U

/* "ipcache4", "ipcache6": hash of exact addresses; "ipcache4_prefix", "ipcache6_prefix": LPM tries. */
struct ipcache4_key {
	policyc_be32 address;
};
struct ipcache6_key {
	policyc_u8 address[16];
};
struct ipcache4_prefix_key {
	policyc_u32 prefix_length; /* bits */
	policyc_be32 address;
};
struct ipcache6_prefix_key {
	policyc_u32 prefix_length;
	policyc_u8 address[16];
};
struct ipcache_value {
	policyc_u32 identity;
	policyc_u32 peer_class;
	policyc_u32 interface_index; /* host side, of an endpoint of this node; else 0 */
};

/* "node_config": array of one. */
struct node_config_value {
	policyc_u32 policy_epoch;    /* raised after every change that can alter a verdict; never 0 */
	policyc_u32 world4_identity; /* for addresses that the IP cache does not hold */
	policyc_u32 world4_class;
	policyc_u32 world6_identity;
	policyc_u32 world6_class;
	policyc_u32 flags;	     /* NODE_* */
	policyc_u32 events_per_tick; /* each CPU may write so many in a tick of the clock; 0: no limit */
	policyc_u32 event_burst;     /* and so many at once */
};
#define NODE_HAS_PREFIXES4	1U
#define NODE_HAS_PREFIXES6	2U
#define NODE_TRACE_VERDICTS	4U  /* a verdict event for the first packet of each allowed connection */
#define NODE_EXTENDED_PROTOCOLS 8U  /* other IP protocols ask the policy with port 0; else UNKNOWN_PROTOCOL */
#define NODE_CT_ACCOUNTING	16U /* count packets and bytes per connection (ct_value) */
/* What the policy denies is answered, at most one of both: by an ICMP error; TCP by a reset, the rest by an ICMP error. */
#define NODE_DENY_ICMP	32U
#define NODE_DENY_RESET 64U
/* skb->mark of such an answer between the two programs of an endpoint's interface; the node uses no mark besides. */
#define POLICYC_ANSWER_MARK 0x70c1a25eU
/* Of an answer that has left its endpoint, on its way to a device: its receiver knows the endpoint by its own address. */
#define POLICYC_ANSWERED_MARK 0x70c1a25dU
#define NODE_LOCAL_DELIVERY   128U /* from endpoint to endpoint without the host's stack */
#define NODE_EGRESS_DELIVERY                                                                                 \
	512U /* from endpoint to device by the node's routes, without its stack and netfilter */
#define NODE_SERVICES 1024U /* what endpoints send to frontends is translated (runtime/include/balance.h) */
#define NODE_TRACE    256U  /* trace events: new TCP flags, and once a second of a busy connection */

/*
 * Keys and values of the tables of connections (runtime/abi/conntrack_table.h), and of "conntrack4_overflow" and
 * "conntrack6_overflow", LRU hashes for what finds its table full. The tuple is written as the endpoint sees it (local is the
 * endpoint's side), so one lookup finds the connection in both directions. ICMP echo: local_port is the echo identifier and remote_port the
 * policyc_direction of the request (network order, as any port); other ICMP is not tracked by itself. Protocols without
 * ports: both 0.
 */
struct ct4_key {
	policyc_be32 local_address;
	policyc_be32 remote_address;
	policyc_be16 local_port;
	policyc_be16 remote_port;
	policyc_u8 protocol;
	policyc_u8 pad[3];
};
struct ct6_key {
	policyc_u8 local_address[16];
	policyc_u8 remote_address[16];
	policyc_be16 local_port;
	policyc_be16 remote_port;
	policyc_u8 protocol;
	policyc_u8 pad[3];
};
/* Of a connection within a node both ends have an entry, and both have `deliver_to` or none has. */
struct ct_value {
	policyc_u64 expires; /* in ticks of the kernel's clock (jiffies_64); CT_ENDED, CT_BUSY: absent */
	policyc_u32
		policy_epoch; /* node_config.policy_epoch when `decision` was taken; both in one 8-byte word, */
	policyc_u32 decision; /* POLICYC_DECISION of the original direction;      written and read at once */
	policyc_u32 peer_identity;
	policyc_u8 direction;	   /* policyc_direction of the first packet */
	policyc_u8 flags;	   /* CT_* below */
	policyc_u8 tcp_flags_orig; /* seen from the initiator */
	policyc_u8 tcp_flags_reply;
	policyc_u32
		deliver_to; /* interface index of the other side, an endpoint of this node; 0: by the stack */
	policyc_u32 refreshed; /* ticks, the lower half: when `expires` was last looked after */
	policyc_u64 packets;   /* both directions, with NODE_CT_ACCOUNTING only */
	policyc_u64 bytes;     /* from the network header */
	/* All 0: no service. */
	/* Number (service.h). Without CT_SERVICE and CT_SERVICE_REPLY: the endpoint is the backend. */
	policyc_u32 frontend;
	policyc_u32 backend; /* number and generation */
	policyc_u32 generation;
	policyc_u32 reserved; /* 0 */
};
#define CT_CLOSING_ORIG	 1U
#define CT_CLOSING_REPLY 2U
#define CT_SEEN_REPLY	 4U
#define CT_SERVICE	 8U /* the remote side is a frontend: what goes there is translated to the backend */
#define CT_SERVICE_REPLY                                                                                     \
	16U /* the remote side is the backend: what comes from there is translated to the frontend */
#define CT_LOOPBACK 32U /* the backend is the endpoint itself */

/* Lifetimes in seconds: Cilium's defaults (datapath.md section 7). */
#define CT_LIFETIME_TCP	    8000U
#define CT_LIFETIME_TCP_SYN 60U
#define CT_LIFETIME_CLOSE   10U
#define CT_LIFETIME_OTHER   60U

/*
 * What the program "ct_collect" is run with, by BPF_PROG_TEST_RUN: an Ethernet header (14 bytes, not looked at) and this. It
 * leaves in "ct_collected" what time it is.
 */
#define CT_OVERFLOWED_KEEP 2U
struct ct_collect_head {
	policyc_u32 overflowed; /* becomes ct_pressure.overflowed, unless CT_OVERFLOWED_KEEP */
};
struct ct_collected_value {
	policyc_u64 now; /* ticks */
};

/* "ct_pressure": array of one. */
struct ct_pressure_value {
	policyc_u64 full[2]; /* connections that found conntrack4, conntrack6 full */
	policyc_u32
		overflowed; /* 1: the overflow tables are asked as well; user space clears it when they are empty */
	policyc_u32 pad;
};

/* "fragments": LRU hash; ports of a datagram's first fragment for the later ones. */
struct fragment_key {
	policyc_u8 source[16]; /* IPv4: first four bytes */
	policyc_u8 destination[16];
	policyc_u32 id; /* as on the wire */
	policyc_u8 protocol;
	policyc_u8 family;
	policyc_u16 pad;
};
struct fragment_value {
	policyc_be16 source_port;
	policyc_be16 destination_port;
};

/* "metrics": per-CPU array, packets and bytes dropped; index POLICYC_METRICS_INDEX. */
#define POLICYC_MAX_REASONS			 64U
#define POLICYC_METRICS_INDEX(reason, direction) ((policyc_u32)(reason) * 2U + (policyc_u32)(direction))
struct metrics_value {
	policyc_u64 packets;
	policyc_u64 bytes; /* from the network header */
};

/* "traffic": per-CPU array, of each endpoint; index endpoint_id * 2 + policyc_direction. What is beyond is not counted. */
struct traffic_value {
	struct metrics_value passed;
	struct metrics_value dropped;
};

/*
 * "rule_hits": per-CPU hash, what each rule decided: first packets of connections and every denied packet. What was counted
 * last is in front of it in "recent_hits", a per-CPU array of RECENT_HITS, and moves to the hash when another rule needs its
 * place: the number of a rule is the sum of both.
 */
#define RECENT_HITS 256U /* a power of two */
struct rule_hit_key {
	policyc_u32 shape_tag;
	policyc_u32 decision;  /* POLICYC_DECISION */
	policyc_u32 direction; /* policyc_direction */
};
struct recent_hit_value {
	struct rule_hit_key key;
	policyc_u32 pad;
	struct metrics_value hits; /* 0: the place is free */
};

/*
 * "event_slots": mmapable array of struct event, EVENT_SLOTS for each possible CPU, and "event_heads": mmapable array of
 * struct event_head, one for each. A CPU writes its event number n into slot n % EVENT_SLOTS of its own and then raises
 * `written` to n + 1, which other CPUs see after the event and before the next one; it never waits, and nobody is woken: readers look at `written` as often as they
 * like, any number of them, each from a number of its own. Event n may be read while n + EVENT_SLOTS > written: a reader looks
 * again after it has copied, and what was overtaken is lost to that reader.
 *
 * EVENT_DROP: the packet was dropped for `reason`. EVENT_VERDICT: it was let through by the policy; `reason` is DROP_NONE, or
 * with `audited` the reason for which it would have been dropped. EVENT_TRACE: a later packet of a known connection.
 */
#define EVENT_SLOTS 2048U /* a power of two */
enum policyc_event_type { EVENT_DROP = 1, EVENT_VERDICT = 2, EVENT_TRACE = 3 };
struct event {
	policyc_u64 time_ns;   /* CLOCK_MONOTONIC, coarse */
	policyc_u8 type;       /* policyc_event_type */
	policyc_u8 reason;     /* policyc_drop_reason */
	policyc_u8 direction;  /* policyc_direction */
	policyc_u8 family;     /* 4, 6, or 0 when the packet did not parse */
	policyc_u32 decision;  /* POLICYC_DECISION; of the shape below */
	policyc_u32 shape_tag; /* endpoint_value.shape_tag when the packet came */
	policyc_u32 local_identity;
	policyc_u32 peer_identity;
	policyc_u32 interface_index;
	policyc_u16 endpoint_id;
	policyc_be16 source_port;      /* ICMP: 0 */
	policyc_be16 destination_port; /* ICMP: type, in host order shifted as htons(type) */
	policyc_u8 protocol;
	policyc_u8 tcp_flags;
	policyc_u8 source[16];
	policyc_u8 destination[16];
	policyc_u32 length;    /* bytes of the packet from the network header */
	policyc_u8 audited;    /* 1: would have been dropped, let through by audit mode */
	policyc_u8 connection; /* policyc_ct_status of the packet */
	policyc_u8 icmp_code;
	policyc_u8 pad;
};
struct event_head {
	policyc_u64 written;  /* events so far */
	policyc_u64 limited;  /* events that the rate limit kept from being written */
	policyc_u64 refilled; /* the rest is the writer's: when, in ticks, the allowance was last refilled */
	policyc_u32 allowance;
	policyc_u32 pad;
	policyc_u64 tick; /* the last one in which the clock was read */
	policyc_u64 tick_ns;
	policyc_u64 reserved[2];
};

POLICYC_ASSERT(sizeof(struct endpoint_value) == 56 && offsetof(struct endpoint_value, ipv6) == 16);
POLICYC_ASSERT(offsetof(struct endpoint_value, shape_tag) == 32 &&
	       offsetof(struct endpoint_value, mac) == 40);
POLICYC_ASSERT(sizeof(struct ipcache4_key) == 4 && sizeof(struct ipcache6_key) == 16);
POLICYC_ASSERT(sizeof(struct ipcache4_prefix_key) == 8 && sizeof(struct ipcache6_prefix_key) == 20);
POLICYC_ASSERT(sizeof(struct ipcache_value) == 12);
POLICYC_ASSERT(sizeof(struct node_config_value) == 32);
POLICYC_ASSERT(sizeof(struct ct4_key) == 16 && offsetof(struct ct4_key, protocol) == 12);
POLICYC_ASSERT(sizeof(struct ct6_key) == 40 && offsetof(struct ct6_key, protocol) == 36);
POLICYC_ASSERT(sizeof(struct ct_value) == 64 && offsetof(struct ct_value, direction) == 20);
POLICYC_ASSERT(sizeof(struct ct_pressure_value) == 24 && sizeof(struct ct_collected_value) == 8);
POLICYC_ASSERT(sizeof(struct ct_collect_head) == 4);
POLICYC_ASSERT(offsetof(struct ct_value, policy_epoch) == 8 && offsetof(struct ct_value, decision) == 12);
POLICYC_ASSERT(sizeof(struct fragment_key) == 40 && sizeof(struct fragment_value) == 4);
POLICYC_ASSERT(sizeof(struct metrics_value) == 16 && sizeof(struct traffic_value) == 32);
POLICYC_ASSERT(sizeof(struct rule_hit_key) == 12 && sizeof(struct recent_hit_value) == 32);
POLICYC_ASSERT(sizeof(struct event) == 80 && offsetof(struct event, source) == 40);
POLICYC_ASSERT(sizeof(struct event_head) == 64);

#ifdef __cplusplus
}
#endif
#endif /* POLICYC_RUNTIME_ABI_H */
