/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How elements of translated connections go: user space finds the keys of expired ones and has them looked at again here. */
#ifndef POLICYC_RUNTIME_NAT_COLLECT_H
#define POLICYC_RUNTIME_NAT_COLLECT_H

#include "runtime/include/nat_table.h"

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
		offset += size;
	}
	return 0;
}

#endif /* POLICYC_RUNTIME_NAT_COLLECT_H */
