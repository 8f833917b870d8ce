/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records for user space. A wake-up costs microseconds, so the reader polls with a timeout and is woken only each time the
 * unread data passes another EVENT_WAKEUP_BYTES. An event that finds no room is counted.
 */
#ifndef POLICYC_RUNTIME_EVENTS_H
#define POLICYC_RUNTIME_EVENTS_H

#include "runtime/include/maps.h"
#include "runtime/include/packet.h"
#include "runtime/include/policy.h"

/* Nothing else would keep the record's layout in BTF, where readers look it up. */
const struct event *const volatile event_layout;

#define RING_RECORD (sizeof(struct event) + 8)

static __always_inline __u64 event_wakeup(void)
{
	__u64 unread = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);

	/* At least this record is unread, so the remainder is small only when a multiple was passed. */
	if ((unread & (EVENT_WAKEUP_BYTES - 1)) < RING_RECORD)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void event_lost(void)
{
	__u32 first = 0;
	__u64 *lost = bpf_map_lookup_elem(&lost_events, &first);

	if (lost)
		(*lost)++;
}

/* `endpoint` may be null. */
__noinline int event_emit(struct __sk_buff *skb, const struct packet *packet,
			  const struct endpoint_value *endpoint, const struct outcome *outcome)
{
	struct event *event;

	if (!packet || !outcome)
		return -1;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		event_lost();
		return 0;
	}
	event->time_ns = bpf_ktime_get_ns();
	event->type = outcome->type;
	event->reason = (__u8)outcome->reason;
	event->direction = outcome->direction;
	event->family = packet->family;
	event->decision = outcome->decision;
	event->shape_tag = endpoint ? endpoint->shape_tag : 0;
	event->local_identity = endpoint ? endpoint->identity : 0;
	event->peer_identity = outcome->peer_identity;
	event->interface_index = skb->ifindex;
	event->endpoint_id = endpoint ? endpoint->endpoint_id : 0;
	event->source_port = packet->source_port;
	event->destination_port = packet->destination_port;
	event->protocol = packet->protocol;
	event->tcp_flags = packet->tcp_flags;
	__builtin_memcpy(event->source, &packet->source, sizeof(event->source));
	__builtin_memcpy(event->destination, &packet->destination, sizeof(event->destination));
	event->length = skb->len - packet->network_offset;
	event->audited = outcome->audited;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
	bpf_ringbuf_submit(event, event_wakeup());
	return 0;
}

/* Reports a packet that is let through. */
static __always_inline void event_passed(struct __sk_buff *skb, const struct packet *packet,
					 const struct endpoint_value *endpoint, struct outcome *outcome,
					 bool audited)
{
	outcome->type = EVENT_VERDICT;
	outcome->audited = audited;
	event_emit(skb, packet, endpoint, outcome);
}

/* Reports a packet that is dropped; `endpoint` may be null. */
static __always_inline void event_dropped(struct __sk_buff *skb, const struct packet *packet,
					  const struct endpoint_value *endpoint, struct outcome *outcome,
					  __u32 reason)
{
	outcome->type = EVENT_DROP;
	outcome->audited = 0;
	outcome->reason = reason;
	event_emit(skb, packet, endpoint, outcome);
}

#endif /* POLICYC_RUNTIME_EVENTS_H */
