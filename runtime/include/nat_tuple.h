/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tuples of packets, keys of the tables made of them, and the scratch that a translation is worked out in. */
#ifndef POLICYC_RUNTIME_NAT_TUPLE_H
#define POLICYC_RUNTIME_NAT_TUPLE_H

#include "runtime/include/conntrack.h"
#include "runtime/include/nat_maps.h"
#include "runtime/include/service.h"

/* The tuple of a packet of either family; ports as in runtime/abi/nat.h. */
struct nat_tuple {
	union address source;
	union address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 family;
	__u8 pad[2];
};

/* What is found for a tuple. */
struct nat_hit {
	struct nat_tuple to;
	struct nat_state state;
};

/* How a connection begins. */
struct nat_terms {
	struct nat_state state; /* of the original direction: frontend, backend, generation, flags */
	__u16 port_first;	/* host order; of the source ports that may be given */
	__u16 port_last;
	__u8 any_port; /* the client's own may be outside of them */
	__u8 pad[3];
};

/* What an ICMP error quotes: the packet, and its tuple. */
struct quoted {
	struct packet packet;
	struct nat_tuple tuple;
};

/* "nat_work": per-CPU array of one; what is too large for the stack. */
struct nat_work {
	struct nat_tuple from; /* the packet as it came */
	struct nat_hit hit;    /* what it becomes, and of which connection it is */
	struct nat_terms terms;
	/* Inside of one function: the other direction. */
	struct nat_tuple reply;
	struct nat_tuple back;
	struct nat_hit present;
	struct nat_state state;
	struct quoted quoted;
	struct packet inner; /* that the quoted one carries */
	struct bpf_fib_lookup route;
	struct frontend_value found; /* while a backend is chosen */
	struct client client;
	struct chosen chosen;
	union address wrapped; /* of a packet that came wrapped: the backend that the balancing node chose */
	__u8 is_wrapped;
	__u8 pad[7];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat_work);
} nat_work SEC(".maps");

static __always_inline struct nat_work *nat_work_lookup(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&nat_work, &first);
}

static __always_inline struct nat_tuple nat_tuple_of(const struct packet *packet)
{
	struct nat_tuple tuple = {.protocol = packet->protocol, .family = packet->family};

	tuple.source = packet->source;
	tuple.destination = packet->destination;
	if (packet->kind == PACKET_ECHO_REQUEST) {
		tuple.source_port = packet->echo_id;
	} else if (packet->kind == PACKET_ECHO_REPLY) {
		tuple.destination_port = packet->echo_id;
	} else {
		tuple.source_port = packet->source_port;
		tuple.destination_port = packet->destination_port;
	}
	return tuple;
}

/* Of a packet that goes the other way; of the same family as `of`. */
static __always_inline struct nat_tuple nat_turned(const struct nat_tuple *of)
{
	struct nat_tuple tuple = {.protocol = of->protocol, .family = of->family};

	tuple.source = of->destination;
	tuple.destination = of->source;
	tuple.source_port = of->destination_port;
	tuple.destination_port = of->source_port;
	return tuple;
}

static __always_inline bool nat_equal(const struct nat_tuple *a, const struct nat_tuple *b)
{
	return a->family == b->family && address_equal6(&a->source, b->source.bytes) &&
	       address_equal6(&a->destination, b->destination.bytes) && a->source_port == b->source_port &&
	       a->destination_port == b->destination_port;
}

static __always_inline struct nat4_key nat_key4(const struct nat_tuple *of)
{
	struct nat4_key key = {};

	key.source = of->source.words[0];
	key.destination = of->destination.words[0];
	key.source_port = of->source_port;
	key.destination_port = of->destination_port;
	key.protocol = of->protocol;
	return key;
}

static __always_inline struct nat6_key nat_key6(const struct nat_tuple *of)
{
	struct nat6_key key = {};

	__builtin_memcpy(key.source, &of->source, sizeof(key.source));
	__builtin_memcpy(key.destination, &of->destination, sizeof(key.destination));
	key.source_port = of->source_port;
	key.destination_port = of->destination_port;
	key.protocol = of->protocol;
	return key;
}

#endif /* POLICYC_RUNTIME_NAT_TUPLE_H */
