/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets and bytes: by endpoint, by drop reason, by rule. */
#ifndef POLICYC_RUNTIME_METRICS_H
#define POLICYC_RUNTIME_METRICS_H

#include "runtime/include/maps.h"

static __always_inline void metrics_add(struct metrics_value *value, __u32 bytes)
{
	value->packets++;
	value->bytes += bytes;
}

static __always_inline struct traffic_value *traffic_lookup(__u16 endpoint_id,
							    enum policyc_direction direction)
{
	__u32 index = endpoint_id * 2U + (__u32)direction;

	return bpf_map_lookup_elem(&traffic, &index);
}

static __always_inline void count_passed(__u16 endpoint_id, enum policyc_direction direction, __u32 bytes)
{
	struct traffic_value *of_endpoint = traffic_lookup(endpoint_id, direction);

	if (of_endpoint)
		metrics_add(&of_endpoint->passed, bytes);
}

/* `endpoint_id` 0: nobody knows whose packet it was. */
static __always_inline void count_dropped(__u16 endpoint_id, __u32 reason, enum policyc_direction direction,
					  __u32 bytes)
{
	__u32 index = POLICYC_METRICS_INDEX(reason, direction);
	struct metrics_value *of_reason = bpf_map_lookup_elem(&metrics, &index);
	struct traffic_value *of_endpoint = traffic_lookup(endpoint_id, direction);

	if (of_reason)
		metrics_add(of_reason, bytes);
	if (of_endpoint)
		metrics_add(&of_endpoint->dropped, bytes);
}

/* Moves what was counted in one place to the hash; without room there it is lost. */
__noinline int rule_hits_flush(struct recent_hit_value *recent)
{
	struct metrics_value *known, hits;
	struct rule_hit_key key;

	if (!recent)
		return 0;
	/* Linux 6.1 takes no argument of a global function for a key or a value. */
	key = recent->key;
	hits = recent->hits;
	known = bpf_map_lookup_elem(&rule_hits, &key);
	if (known) {
		known->packets += hits.packets;
		known->bytes += hits.bytes;
	} else {
		bpf_map_update_elem(&rule_hits, &key, &hits, BPF_NOEXIST);
	}
	recent->hits.packets = 0;
	recent->hits.bytes = 0;
	return 0;
}

static __always_inline void count_decided(__u32 shape_tag, __u32 decision, enum policyc_direction direction,
					  __u32 bytes)
{
	__u32 place = (shape_tag ^ decision >> 8 ^ (__u32)direction << 7) & (RECENT_HITS - 1);
	struct recent_hit_value *recent = bpf_map_lookup_elem(&recent_hits, &place);

	if (!recent)
		return;
	if (recent->key.shape_tag != shape_tag || recent->key.decision != decision ||
	    recent->key.direction != (__u32)direction) {
		if (recent->hits.packets)
			rule_hits_flush(recent);
		recent->key.shape_tag = shape_tag;
		recent->key.decision = decision;
		recent->key.direction = direction;
	}
	metrics_add(&recent->hits, bytes);
}

#endif /* POLICYC_RUNTIME_METRICS_H */
