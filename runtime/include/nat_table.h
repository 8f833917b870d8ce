/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The elements of translated connections: a packet finds its new tuple by one lookup, whichever way it goes.
 *
 * The tables are plain hashes. An LRU would evict one element of a living pair, and what it evicts is at once another
 * connection's while a CPU may still read it: a packet would be given a tuple that is not its own. Here an element is removed
 * only by nat_collect, a second after it has expired; one that is rewritten in place has an odd version meanwhile, and who reads
 * looks at the version before and after.
 */
#ifndef POLICYC_RUNTIME_NAT_TABLE_H
#define POLICYC_RUNTIME_NAT_TABLE_H

#include "runtime/include/nat_tuple.h"

#define NAT_EEXIST (-17)

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

static __always_inline bool nat_read(const struct nat_value *value, struct nat_hit *hit)
{
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

static __always_inline struct nat_value *nat_value_of(const struct nat_tuple *of)
{
	if (!have_ipv6 || of->family == 4) {
		struct nat4_key key = nat_key4(of);

		return bpf_map_lookup_elem(&nat4, &key);
	} else {
		struct nat6_key key = nat_key6(of);

		return bpf_map_lookup_elem(&nat6, &key);
	}
}

static __always_inline __u8 other_family(__u8 family)
{
	return family == 4 ? 6 : 4;
}

/* The living element of a tuple, copied to `hit`, whose tuple is zero before. */
static __always_inline bool nat_lookup(const struct nat_tuple *of, struct nat_hit *hit, __u64 now)
{
	bool found = nat_read(nat_value_of(of), hit);

	hit->to.protocol = of->protocol;
	hit->to.family = of->family;
	if (found && hit->state.flags & NAT_OTHER_FAMILY)
		hit->to.family = other_family(of->family);
	return found && hit->state.expires > now;
}

/* nat_lookup() with a stack of its own: deep inside of other calls there is no room for its key. */
__noinline int nat_find(const struct nat_tuple *of, struct nat_hit *hit)
{
	if (!of || !hit)
		return false;
	hit->to = (struct nat_tuple){};
	return nat_lookup(of, hit, clock_ticks());
}

/* The state of an element, null if there is none; for changes of times and flags alone. */
static __always_inline struct nat_state *nat_state_of(const struct nat_tuple *of)
{
	struct nat_value *value = nat_value_of(of);

	return value ? &value->state : NULL;
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

/* Rewrites an element that is there already. 1: it may not be. */
static __always_inline int nat_replace(struct nat_value *present, const struct nat_value *fresh, bool replace,
				       __u64 now)
{
	if (!present || !nat_seize(&present->state, replace, now))
		return 1;
	__builtin_memcpy(present->source, fresh->source, sizeof(fresh->source));
	__builtin_memcpy(present->destination, fresh->destination, sizeof(fresh->destination));
	present->source_port = fresh->source_port;
	present->destination_port = fresh->destination_port;
	nat_release(&present->state, &fresh->state);
	return 0;
}

/*
 * Puts one element into its table, where an expired one is in its place, and with `replace` where a living one is. 1: the place
 * is taken. Negative: no room.
 */
__noinline int nat_put(const struct nat_tuple *from, const struct nat_tuple *to,
		       const struct nat_state *state, __u32 replace, __u64 now)
{
	struct nat_value fresh = {};
	int result;

	if (!from || !to || !state)
		return -1;
	fresh.state = *state;
	fresh.state.version = bpf_get_prandom_u32() & ~1U;
	__builtin_memcpy(fresh.source, &to->source, sizeof(fresh.source));
	__builtin_memcpy(fresh.destination, &to->destination, sizeof(fresh.destination));
	fresh.source_port = to->source_port;
	fresh.destination_port = to->destination_port;
	if (!have_ipv6 || from->family == 4) {
		struct nat4_key key = nat_key4(from);

		result = (int)bpf_map_update_elem(&nat4, &key, &fresh, BPF_NOEXIST);
	} else {
		struct nat6_key key = nat_key6(from);

		result = (int)bpf_map_update_elem(&nat6, &key, &fresh, BPF_NOEXIST);
	}
	if (result != NAT_EEXIST)
		return result;
	return nat_replace(nat_value_of(from), &fresh, replace, now);
}

/* The element of a tuple has expired from now on: it is absent, but stays for whoever has just found it. Always 0. */
__noinline int nat_end(const struct nat_tuple *of)
{
	__u64 now = clock_ticks();
	struct nat_state *state;

	if (!of)
		return 0;
	state = nat_state_of(of);
	if (state && state->expires > now)
		*(volatile __u64 *)&state->expires = now;
	return 0;
}

#endif /* POLICYC_RUNTIME_NAT_TABLE_H */
