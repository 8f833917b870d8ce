/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Translated connections. A packet finds its new tuple by one lookup, whichever way it goes; the elements of the two directions
 * are made, renewed and repaired together.
 *
 * The tables are plain hashes. An LRU would evict one element of a living pair, and what it evicts is at once another
 * connection's while a CPU may still read it: a packet would be given a tuple that is not its own. Here an element is removed
 * only by nat_collect, a second after it has expired; one that is rewritten in place has an odd version meanwhile, and who reads
 * looks at the version before and after.
 */
#ifndef POLICYC_RUNTIME_NAT_TABLE_H
#define POLICYC_RUNTIME_NAT_TABLE_H

#include "runtime/include/conntrack.h"
#include "runtime/include/nat_maps.h"
#include "runtime/include/service.h"

#define NAT_EEXIST (-17)

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

/* Two ports, as they are next to each other in a packet. */
struct port_pair {
	__be16 source;
	__be16 destination;
} __attribute__((aligned(4)));

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
	__u8 replace;  /* a living element of the original direction is given up */
	__u8 pad[2];
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
	struct bpf_fib_lookup route;
	struct frontend_value found; /* while a backend is chosen */
	struct client client;
	struct chosen chosen;
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

/* Of a packet that goes the other way. */
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
	return address_equal6(&a->source, b->source.bytes) &&
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

/* No load behind it is done before one in front of it. */
static __always_inline void loads_in_order(void)
{
	__u32 own = 0;

	asm volatile("" ::: "memory");
	if (!have_store_order) {
		own = __sync_lock_test_and_set(&own, 1);
		asm volatile("" : "+r"(own)::"memory");
	}
}

static __always_inline __u32 nat_version(const struct nat_state *state)
{
	return *(const volatile __u32 *)&state->version;
}

static __always_inline bool nat_unchanged(const struct nat_state *state, __u32 version)
{
	loads_in_order();
	return !(version & 1) && nat_version(state) == version;
}

static __always_inline bool nat_read4(const struct nat_tuple *of, struct nat_hit *hit)
{
	struct nat4_key key = nat_key4(of);
	const struct nat4_value *value = bpf_map_lookup_elem(&nat4, &key);
	__u32 version;

	if (!value)
		return false;
	version = nat_version(&value->state);
	loads_in_order();
	hit->state = value->state;
	hit->to.source.words[0] = value->source;
	hit->to.destination.words[0] = value->destination;
	hit->to.source_port = value->source_port;
	hit->to.destination_port = value->destination_port;
	return nat_unchanged(&value->state, version);
}

static __always_inline bool nat_read6(const struct nat_tuple *of, struct nat_hit *hit)
{
	struct nat6_key key = nat_key6(of);
	const struct nat6_value *value = bpf_map_lookup_elem(&nat6, &key);
	__u32 version;

	if (!value)
		return false;
	version = nat_version(&value->state);
	loads_in_order();
	hit->state = value->state;
	__builtin_memcpy(&hit->to.source, value->source, sizeof(value->source));
	__builtin_memcpy(&hit->to.destination, value->destination, sizeof(value->destination));
	hit->to.source_port = value->source_port;
	hit->to.destination_port = value->destination_port;
	return nat_unchanged(&value->state, version);
}

/* The living element of a tuple, copied to `hit`, whose tuple is zero before. */
static __always_inline bool nat_lookup(const struct nat_tuple *of, struct nat_hit *hit, __u64 now)
{
	bool found = !have_ipv6 || of->family == 4 ? nat_read4(of, hit) : nat_read6(of, hit);

	hit->to.protocol = of->protocol;
	hit->to.family = of->family;
	return found && hit->state.expires > now;
}

/* The state of an element, null if there is none; for changes of times and flags alone. */
static __always_inline struct nat_state *nat_state_of(const struct nat_tuple *of)
{
	if (!have_ipv6 || of->family == 4) {
		struct nat4_key key = nat_key4(of);
		struct nat4_value *value = bpf_map_lookup_elem(&nat4, &key);

		return value ? &value->state : NULL;
	} else {
		struct nat6_key key = nat_key6(of);
		struct nat6_value *value = bpf_map_lookup_elem(&nat6, &key);

		return value ? &value->state : NULL;
	}
}

/* May this element be rewritten? Then its version is odd and nobody else does. */
static __always_inline bool nat_seize(struct nat_state *state, bool replace, __u64 now)
{
	__u32 version = nat_version(state);

	if (version & 1 || (state->expires > now && !replace))
		return false;
	return __sync_val_compare_and_swap(&state->version, version, version + 1) == version;
}

/* Ends that: the state is `fresh` from now on. */
static __always_inline void nat_release(struct nat_state *state, const struct nat_state *fresh)
{
	__u32 version = state->version + 1;

	state->expires = fresh->expires;
	state->refreshed = fresh->refreshed;
	state->frontend = fresh->frontend;
	state->backend = fresh->backend;
	state->generation = fresh->generation;
	state->flags = fresh->flags;
	asm volatile("" ::: "memory");
	if (have_store_order)
		*(volatile __u32 *)&state->version = version;
	else
		version = __sync_lock_test_and_set(&state->version, version);
	asm volatile("" : "+r"(version)::"memory");
}

static __always_inline int nat_put4(const struct nat_tuple *from, const struct nat_tuple *to,
				    const struct nat_state *state, bool replace, __u64 now)
{
	struct nat4_key key = nat_key4(from);
	struct nat4_value fresh = {.state = *state}, *present;
	int result;

	fresh.source = to->source.words[0];
	fresh.destination = to->destination.words[0];
	fresh.source_port = to->source_port;
	fresh.destination_port = to->destination_port;
	fresh.state.version = bpf_get_prandom_u32() & ~1U;
	result = (int)bpf_map_update_elem(&nat4, &key, &fresh, BPF_NOEXIST);
	if (result != NAT_EEXIST)
		return result;
	present = bpf_map_lookup_elem(&nat4, &key);
	if (!present || !nat_seize(&present->state, replace, now))
		return 1;
	present->source = fresh.source;
	present->destination = fresh.destination;
	present->source_port = fresh.source_port;
	present->destination_port = fresh.destination_port;
	nat_release(&present->state, &fresh.state);
	return 0;
}

static __always_inline int nat_put6(const struct nat_tuple *from, const struct nat_tuple *to,
				    const struct nat_state *state, bool replace, __u64 now)
{
	struct nat6_key key = nat_key6(from);
	struct nat6_value fresh = {.state = *state}, *present;
	int result;

	__builtin_memcpy(fresh.source, &to->source, sizeof(fresh.source));
	__builtin_memcpy(fresh.destination, &to->destination, sizeof(fresh.destination));
	fresh.source_port = to->source_port;
	fresh.destination_port = to->destination_port;
	fresh.state.version = bpf_get_prandom_u32() & ~1U;
	result = (int)bpf_map_update_elem(&nat6, &key, &fresh, BPF_NOEXIST);
	if (result != NAT_EEXIST)
		return result;
	present = bpf_map_lookup_elem(&nat6, &key);
	if (!present || !nat_seize(&present->state, replace, now))
		return 1;
	__builtin_memcpy(present->source, fresh.source, sizeof(fresh.source));
	__builtin_memcpy(present->destination, fresh.destination, sizeof(fresh.destination));
	present->source_port = fresh.source_port;
	present->destination_port = fresh.destination_port;
	nat_release(&present->state, &fresh.state);
	return 0;
}

/*
 * Puts one element into its table, where an expired one is in its place, and with `replace` where a living one is. 1: the place
 * is taken. Negative: no room.
 */
__noinline int nat_put(const struct nat_tuple *from, const struct nat_tuple *to,
		       const struct nat_state *state, __u32 replace, __u64 now)
{
	if (!from || !to || !state)
		return -1;
	if (!have_ipv6 || from->family == 4)
		return nat_put4(from, to, state, replace, now);
	return nat_put6(from, to, state, replace, now);
}

/* The element of a tuple is as good as absent from now on. Always 0. */
__noinline int nat_end(const struct nat_tuple *of)
{
	struct nat_state *state;

	if (!of)
		return 0;
	state = nat_state_of(of);
	if (state)
		*(volatile __u64 *)&state->expires = 0;
	return 0;
}

/* Of the element of the other direction: what a device's element is at one hook, the other one is at the other. */
static __always_inline __u16 nat_other_flags(__u16 flags)
{
	return flags ^ (flags & NAT_FORWARD ? NAT_ORIGINAL : NAT_ORIGINAL | NAT_EGRESS);
}

static __always_inline void nat_count_tries(__u32 tries)
{
	__u64 *count = bpf_map_lookup_elem(&nat_tries, &tries);

	if (count)
		*count += 1;
}

/* Are there other ports to give, if the client's own is taken? SCTP's checksum covers them. */
static __always_inline bool nat_gives_ports(const struct nat_tuple *to)
{
	return to->protocol != IPPROTO_SCTP;
}

/*
 * Remembers a connection on `work->terms`: packets of the tuple `work->from` become `work->hit.to`, and those that come back are
 * turned into what the client knows. The source port of `hit.to` is what is wanted; another one is searched if it is taken. A drop
 * reason. When another CPU has begun the same connection meanwhile, `work->hit` is what that one has found.
 */
__noinline int nat_begin(struct nat_work *work)
{
	__u32 port, count, start, tries;
	__u64 now = clock_ticks();
	struct nat_tuple *to;
	int result = 1;

	if (!work || work->terms.port_first > work->terms.port_last)
		return DROP_MISSING_STATE;
	to = &work->hit.to;
	work->back = nat_turned(&work->from);
	work->state = work->terms.state;
	work->state.flags = nat_other_flags(work->state.flags);
	port = bpf_ntohs(to->source_port);
	count = work->terms.port_last - work->terms.port_first + 1U;
	start = bpf_get_prandom_u32();
	for (tries = 0; tries <= NAT_TRIES; tries++) {
		if (tries == 0 && !work->terms.any_port && nat_gives_ports(to) &&
		    (port < work->terms.port_first || port > work->terms.port_last))
			continue;
		if (tries != 0) {
			if (!nat_gives_ports(to))
				break;
			to->source_port =
				bpf_htons((__u16)(work->terms.port_first + (start + tries) % count));
		}
		work->reply = nat_turned(to);
		result = nat_put(&work->reply, &work->back, &work->state, false, now);
		if (result <= 0)
			break;
	}
	if (result > 0) {
		nat_count_tries(NAT_TRIES_NONE);
		return DROP_NAT_NO_PORT;
	}
	if (result < 0)
		return DROP_CONNTRACK_FULL;
	nat_count_tries(tries);
	work->state.flags = work->terms.state.flags;
	result = nat_put(&work->from, to, &work->state, work->terms.replace, now);
	work->hit.state = work->state;
	if (result == 0)
		return DROP_NONE;
	nat_end(&work->reply);
	if (result < 0)
		return DROP_CONNTRACK_FULL;
	return nat_lookup(&work->from, &work->hit, now) ? DROP_NONE : DROP_MISSING_STATE;
}

/* Does the packet tell something that the elements do not know, or was the lifetime looked after a second ago? */
static __always_inline bool nat_is_news(const struct nat_state *state, const struct packet *packet, __u64 now)
{
	__u8 flags = ct_new_flags(packet, state->flags & NAT_ORIGINAL);
	__u64 young = ticks_per_second - (__u64)((__u32)now - state->refreshed);

	return (flags & ~(__u8)state->flags) | young >> 63;
}

static __always_inline void nat_renew(struct nat_state *state, __u8 flags, __u64 expires, __u64 now)
{
	state->flags |= flags;
	state->refreshed = (__u32)now;
	*(volatile __u64 *)&state->expires = expires;
}

/*
 * In ticks. The balancing node of DSR sees one direction: what is not a SYN says that the backend has answered, and after a FIN the
 * connection lives as long as packets come.
 */
static __always_inline __u64 nat_lifetime(const struct packet *packet, __u16 flags)
{
	if (flags & NAT_DSR && !(packet->tcp_flags & TCP_SYN) && !(flags & CT_CLOSED))
		flags |= CT_SEEN_REPLY;
	return ct_lifetime(packet->protocol, (__u8)flags);
}

/*
 * Renews both elements of a connection and makes the other one again if it is missing. `work->hit` is what was found for
 * `work->from`. Not zero: the other one's place is another connection's; this one has ended.
 */
__noinline int nat_refresh(const struct packet *packet, struct nat_work *work)
{
	struct nat_state *own, *other;
	__u64 now = clock_ticks(), expires;
	__u8 flags;

	if (!packet || !work)
		return -1;
	own = nat_state_of(&work->from);
	if (!own || nat_version(own) != work->hit.state.version)
		return 0;
	work->state = work->hit.state;
	flags = (__u8)(work->state.flags & (CT_CLOSED | CT_SEEN_REPLY));
	expires = work->state.expires;
	if ((flags & CT_CLOSED) != CT_CLOSED) {
		flags |= ct_new_flags(packet, work->state.flags & NAT_ORIGINAL);
		expires = now + nat_lifetime(packet, work->state.flags | flags);
	}
	if (work->state.flags & NAT_DSR_END) {
		work->reply = nat_turned(&work->from);
		other = nat_state_of(&work->reply);
		if (other && other->flags & NAT_DSR_END && other->expires > now)
			nat_renew(other, flags, expires, now);
	} else if (!(work->state.flags & NAT_DSR)) {
		work->reply = nat_turned(&work->hit.to);
		work->back = nat_turned(&work->from);
		work->present.to = (struct nat_tuple){};
		if (nat_lookup(&work->reply, &work->present, now)) {
			other = nat_state_of(&work->reply);
			if (!other || !nat_equal(&work->present.to, &work->back))
				goto lost;
			nat_renew(other, flags, expires, now);
		} else {
			work->state.flags = nat_other_flags(work->state.flags) | flags;
			work->state.expires = expires;
			work->state.refreshed = (__u32)now;
			if (nat_put(&work->reply, &work->back, &work->state, false, now))
				goto lost;
		}
	}
	nat_renew(own, flags, expires, now);
	return 0;
lost:
	nat_end(&work->from);
	return 1;
}

#endif /* POLICYC_RUNTIME_NAT_TABLE_H */
