/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How elements of translated connections go: user space finds the keys of expired ones and has them looked at again here. */
#ifndef POLICYC_RUNTIME_NAT_COLLECT_H
#define POLICYC_RUNTIME_NAT_COLLECT_H

#include "runtime/include/nat_connection.h"

/*
 * 1 if the element of that key had expired by `limit` and was removed. Its version is odd from the look to the end, so that no CPU
 * rewrites it in between.
 */
__noinline int nat_remove_expired(const struct nat_tuple *of, __u64 limit)
{
	struct nat_state *state;

	if (!of)
		return 0;
	state = nat_state_of(of);
	if (!state || !nat_seize(state, false, limit))
		return 0;
	if (!have_ipv6 || of->family == 4) {
		struct nat4_key key = nat_key4(of);

		return bpf_map_delete_elem(&nat4, &key) == 0;
	} else {
		struct nat6_key key = nat_key6(of);

		return bpf_map_delete_elem(&nat6, &key) == 0;
	}
}

/*
 * 1 if that is the original direction's element of a living connection that has no reply and was last looked after `ticks` ago or
 * more: both of its elements have expired from now on. A packet that renews it meanwhile keeps it.
 */
__noinline int nat_end_unanswered(const struct nat_tuple *of, __u32 ticks)
{
	struct nat_work *work = nat_work_lookup();
	__u64 now = clock_ticks(), expires;
	struct nat_state *state;

	if (!of || !work)
		return 0;
	work->from = *of;
	if (!nat_find(&work->from, &work->hit))
		return 0;
	if (!(work->hit.state.flags & NAT_ORIGINAL) || work->hit.state.flags & CT_SEEN_REPLY ||
	    (__u32)now - work->hit.state.refreshed < ticks)
		return 0;
	state = nat_state_of(&work->from);
	expires = work->hit.state.expires;
	if (!state || __sync_val_compare_and_swap(&state->expires, expires, now) != expires)
		return 0;
	nat_abandon(work);
	return 1;
}

/* The program nat_collect (struct nat_collect_head). */
static __always_inline int nat_collect_keys(struct __sk_buff *skb)
{
	struct nat_collect_head head = {};
	struct nat_collected_value *collected;
	__u64 now = clock_ticks();
	__u32 first = 0, size, offset;

	collected = bpf_map_lookup_elem(&nat_collected, &first);
	if (!collected || packet_read(skb, ETHERNET_HEADER, &head, sizeof(head)))
		return -1;
	collected->now = now;
	collected->removed = 0;
	collected->ended = 0;
	if (head.family == 6 && !have_ipv6)
		return 0;
	size = head.family == 4 ? sizeof(struct nat4_key) : sizeof(struct nat6_key);
	offset = ETHERNET_HEADER + sizeof(head);
	for (__u32 i = 0; i < NAT_COLLECT_KEYS; i++) {
		struct nat_tuple tuple = {.family = (__u8)head.family};

		if (i >= head.count)
			break;
		if (!have_ipv6 || head.family == 4) {
			struct nat4_key key;

			if (bpf_skb_load_bytes(skb, offset, &key, sizeof(key)))
				return -1;
			tuple.source.words[0] = key.source;
			tuple.destination.words[0] = key.destination;
			tuple.source_port = key.source_port;
			tuple.destination_port = key.destination_port;
			tuple.protocol = key.protocol;
		} else {
			struct nat6_key key;

			if (bpf_skb_load_bytes(skb, offset, &key, sizeof(key)))
				return -1;
			__builtin_memcpy(&tuple.source, key.source, sizeof(key.source));
			__builtin_memcpy(&tuple.destination, key.destination, sizeof(key.destination));
			tuple.source_port = key.source_port;
			tuple.destination_port = key.destination_port;
			tuple.protocol = key.protocol;
		}
		collected->removed += (__u32)nat_remove_expired(&tuple, now - head.grace);
		if (head.unanswered)
			collected->ended += (__u32)nat_end_unanswered(&tuple, head.unanswered);
		offset += size;
	}
	return 0;
}

#endif /* POLICYC_RUNTIME_NAT_COLLECT_H */
