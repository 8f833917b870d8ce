/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Services: frontends, the services behind them, their backends. Shared by the socket programs (runtime/prog/socket.bpf.c),
 * the endpoints' and the devices' programs; written by loader/service. Part of POLICYC_ABI_VERSION.
 *
 *   frontend (address, port, protocol) -> service of the scope -> slots[first .. first + count) -> backend
 *
 * Addresses of 16 bytes hold IPv4 in the first four, the rest is 0. Byte order as in abi.h.
 */
#ifndef POLICYC_RUNTIME_ABI_SERVICE_H
#define POLICYC_RUNTIME_ABI_SERVICE_H

#include "runtime/abi/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who asks: clients outside of the cluster, or pods and processes of nodes (externalTrafficPolicy, internalTrafficPolicy). */
enum policyc_scope { SCOPE_EXTERNAL = 0, SCOPE_INTERNAL = 1 };

/*
 * "frontends4", "frontends6": hash. Port 0 with protocol 0: the address belongs to services alone; a packet to a port of it
 * that is no frontend is dropped. Address 0: a port of every address of the node, for sockets alone; no packet goes there.
 */
struct frontend4_key {
	policyc_be32 address;
	policyc_be16 port;
	policyc_u8 protocol;
	policyc_u8 pad;
};
struct frontend6_key {
	policyc_u8 address[16];
	policyc_be16 port;
	policyc_u8 protocol;
	policyc_u8 pad;
};
struct frontend_value {
	policyc_u32 frontend;	/* its number: index in "frontends"; 0: only the address is known (port 0) */
	policyc_u32 service[2]; /* by policyc_scope: index in "services"; 0: not offered to that scope */
	policyc_u32 flags;	/* FRONTEND_* */
	policyc_u32 affinity_seconds; /* session affinity by client address; 0: none */
	policyc_u32 tag;	      /* of the service's name and its kinds of sets; for the loader alone */
};
#define FRONTEND_NODE_PORT     1U
#define FRONTEND_EXTERNAL_IP   2U
#define FRONTEND_LOAD_BALANCER 4U
#define FRONTEND_HOST_PORT     8U
#define FRONTEND_SOURCE_RANGES 16U  /* only clients in "source_ranges" may ask from outside */
#define FRONTEND_MAGLEV	       32U  /* SCOPE_EXTERNAL chooses by "maglev", not by chance */
#define FRONTEND_DSR	       64U  /* backends answer clients themselves */
#define FRONTEND_OTHER_FAMILY  128U /* backends are of the other IP family (NAT46, NAT64) */
#define FRONTEND_LOOPBACK      256U /* a hostPort at 0.0.0.0 or :: that is reached at loopback addresses alone */
/* Reachable from outside of the cluster; a frontend without one of these is a ClusterIP. */
#define FRONTEND_ROUTABLE                                                                                    \
	(FRONTEND_NODE_PORT | FRONTEND_EXTERNAL_IP | FRONTEND_LOAD_BALANCER | FRONTEND_HOST_PORT)

/* "frontends": array by number; what replies are given for their source. Number 0 is nobody's. */
struct frontend_address {
	policyc_u8 address[16];
	policyc_be16 port;
	policyc_u8 protocol;
	policyc_u8 family; /* 4 or 6; 0: not in use */
	policyc_u32 flags; /* as in frontend_value */
};

/*
 * "services": array; number 0 is nobody's and has no backends. One of the two words is changed at a time: `count` grows after
 * the slots behind it are written, and `slots` moves to a region that has at least `count` filled slots.
 */
struct service_value {
	policyc_u32 slots; /* index of the first one in "slots" */
	policyc_u32 count; /* of backends that new connections may be given */
};
/* "slots": array of backend numbers (policyc_u32). "maglev": array of maps by service number; inside an array of the same. */

/*
 * "backends": array by number; number 0 is nobody's. A number that is given to another backend gets the next generation, so
 * what remembers a backend by both finds out that it is gone. A backend belongs to one service.
 */
struct backend_value {
	policyc_u8 address[16];
	policyc_be16 port;
	policyc_u8 protocol;
	policyc_u8 family; /* 4 or 6 */
	policyc_u8 state;  /* policyc_backend_state */
	policyc_u8 flags;  /* BACKEND_* */
	policyc_u16 zone;  /* 0: unknown */
	policyc_u32 generation;
	policyc_u32 service; /* number */
};
/*
 * "local_backends": hash to the number (policyc_u32) of a backend of this node that is not free. An index: who finds one there looks at
 * the backend.
 */
struct local_backend_key {
	policyc_u32 service; /* number */
	policyc_u8 address[16];
};
enum policyc_backend_state {
	BACKEND_FREE = 0, /* gone: what still goes there is dropped or given another backend */
	BACKEND_ACTIVE = 1,
	BACKEND_TERMINATING = 2, /* keeps its connections, gets no new ones */
	BACKEND_QUARANTINED = 3, /* not healthy: only when no other is there */
	BACKEND_MAINTENANCE = 4, /* gets no new connections */
};
#define BACKEND_LOCAL 1U /* on this node */
/*
 * For the loader alone: whether one that terminates still serves; a state that somebody set by hand, and the state that it
 * would have (policyc_backend_state << BACKEND_REPLACED_SHIFT).
 */
#define BACKEND_SERVING		2U
#define BACKEND_SET_QUARANTINED 4U
#define BACKEND_SET_MAINTENANCE 8U
#define BACKEND_REPLACED_SHIFT	4

/* "affinity": LRU hash; which backend a client was given. */
struct affinity_key {
	policyc_u8
		client[16]; /* address; of sockets the cookie of the network namespace in the first 8 bytes */
	policyc_u32 service; /* number */
	policyc_u8 kind;     /* 4, 6: an address; 0: a cookie */
	policyc_u8 pad[3];
};
struct affinity_value {
	policyc_u32 backend;
	policyc_u32 generation;
	policyc_u64 used; /* ticks of the kernel's clock */
};

/* "source_ranges": LPM trie (value: policyc_u8); 32 + n bits for the first n bits of an address. */
struct source_range_key {
	policyc_u32 prefix_length;
	policyc_u32 frontend; /* number */
	policyc_u8 address[16];
};

/* "socket_reverse": LRU hash; what a socket believes that it is connected to, by what it really is. */
struct socket_reverse_key {
	policyc_u64 cookie;
	policyc_u8 address[16];
	policyc_be16 port;
	policyc_u8 protocol;
	policyc_u8 family;
	policyc_u32 pad;
};
struct socket_reverse_value {
	policyc_u8 address[16];
	policyc_be16 port;
	policyc_u16 pad;
	policyc_u32 frontend; /* number, then: a number given anew has another address */
	policyc_u32 backend;
	policyc_u32 generation; /* of the backend */
};

/* "service_config": array of one. */
struct service_config_value {
	policyc_u32 flags;	 /* SERVICE_* */
	policyc_u32 maglev_size; /* entries of a table; 0: there are none */
	policyc_be32 loopback4;	 /* a pod that reaches itself through a service sees this source */
	policyc_u8 loopback6[16];
	policyc_u32 seed; /* of hashes */
};
#define SERVICE_PER_PACKET	1U /* for user space: what NODE_SERVICES is to be */
#define SERVICE_NO_BACKEND_DROP 2U /* drop instead of an ICMP error */

POLICYC_ASSERT(sizeof(struct frontend4_key) == 8 && sizeof(struct frontend6_key) == 20);
POLICYC_ASSERT(sizeof(struct frontend_value) == 24 && sizeof(struct frontend_address) == 24);
POLICYC_ASSERT(sizeof(struct service_value) == 8 && sizeof(struct backend_value) == 32);
POLICYC_ASSERT(sizeof(struct local_backend_key) == 20);
POLICYC_ASSERT(offsetof(struct backend_value, generation) == 24);
POLICYC_ASSERT(sizeof(struct affinity_key) == 24 && sizeof(struct affinity_value) == 16);
POLICYC_ASSERT(sizeof(struct source_range_key) == 24);
POLICYC_ASSERT(sizeof(struct socket_reverse_key) == 32 && sizeof(struct socket_reverse_value) == 32);
POLICYC_ASSERT(sizeof(struct service_config_value) == 32);

#ifdef __cplusplus
}
#endif
#endif /* POLICYC_RUNTIME_ABI_SERVICE_H */
