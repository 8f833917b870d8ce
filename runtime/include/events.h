/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records for user space: a ring for each CPU in memory that readers map (struct event_head says how it is read). Nobody is
 * woken and nothing is waited for, so an event costs a few stores. On its CPU nothing else writes meanwhile: tc programs run
 * with bottom halves off.
 */
#ifndef POLICYC_RUNTIME_EVENTS_H
#define POLICYC_RUNTIME_EVENTS_H

#include "runtime/include/maps.h"
#include "runtime/include/packet.h"
#include "runtime/include/policy.h"

/* What an event says beyond the packet and the side. */
struct occasion {
	__u8 type;	/* policyc_event_type */
	__u8 reason;	/* policyc_drop_reason */
	__u8 direction; /* policyc_direction */
	__u8 audited;
	__u8 connection; /* policyc_ct_status */
	__u8 pad[3];
};

/* May this CPU write one more event? */
static __always_inline bool event_allowed(struct event_head *head, const struct node_config_value *config,
					  __u64 ticks)
{
	__u64 due;

	if (!config || config->events_per_tick == 0)
		return true;
	if (ticks != head->refilled) {
		due = (ticks - head->refilled) * config->events_per_tick + head->allowance;
		head->allowance = due > config->event_burst ? config->event_burst : (__u32)due;
		head->refilled = ticks;
	}
	if (head->allowance == 0) {
		head->limited++;
		return false;
	}
	head->allowance--;
	return true;
}

/* The coarse clock moves with the ticks: it is read once in each. */
static __always_inline __u64 event_time(struct event_head *head, __u64 ticks)
{
	if (head->tick != ticks) {
		head->tick = ticks;
		head->tick_ns = clock_ns();
	}
	return head->tick_ns;
}

static __always_inline int event_write(struct __sk_buff *skb, const struct packet *packet,
				       const struct side *side, const struct occasion *occasion)
{
	__u32 cpu = bpf_get_smp_processor_id(), first = 0, slot;
	const struct node_config_value *config = bpf_map_lookup_elem(&node_config, &first);
	struct event_head *head = bpf_map_lookup_elem(&event_heads, &cpu);
	__u64 ticks = clock_ticks();
	struct event *event;

	if (!head || !event_allowed(head, config, ticks))
		return 0;
	slot = cpu * EVENT_SLOTS + ((__u32)head->written & (EVENT_SLOTS - 1));
	event = bpf_map_lookup_elem(&event_slots, &slot);
	if (!event)
		return 0;
	event->time_ns = event_time(head, ticks);
	event->type = occasion->type;
	event->reason = occasion->reason;
	event->direction = occasion->direction;
	event->family = packet->family;
	event->decision = side->decision;
	event->shape_tag = side->shape_tag;
	event->local_identity = side->identity;
	event->peer_identity = side->peer_identity;
	event->interface_index = side->interface_index;
	event->endpoint_id = side->endpoint_id;
	event->source_port = packet->source_port;
	event->destination_port = packet->destination_port;
	event->protocol = packet->protocol;
	event->tcp_flags = packet->tcp_flags;
	__builtin_memcpy(event->source, &packet->source, sizeof(event->source));
	__builtin_memcpy(event->destination, &packet->destination, sizeof(event->destination));
	event->length = packet_bytes(skb, packet);
	event->audited = occasion->audited;
	event->connection = occasion->connection;
	event->icmp_code = packet->icmp_code;
	event->pad = 0;
	/* A barrier would wait for the lines that a reader on another CPU has taken. */
	if (have_store_order)
		*(volatile __u64 *)&head->written = head->written + 1;
	else
		__sync_fetch_and_add(&head->written, 1);
	return 0;
}

/* Where one more call does not matter. */
__noinline int event_emit(struct __sk_buff *skb, const struct packet *packet, const struct side *side,
			  const struct occasion *occasion)
{
	if (!packet || !side || !occasion)
		return 0;
	return event_write(skb, packet, side, occasion);
}

/* Reports a packet that is dropped. */
static __always_inline void event_dropped(struct __sk_buff *skb, const struct packet *packet,
					  const struct side *side, enum policyc_direction direction,
					  __u32 reason)
{
	struct occasion occasion = {.type = EVENT_DROP,
				    .reason = (__u8)reason,
				    .direction = (__u8)direction,
				    .connection =
					    side->connection == CONNECTION_KNOWN ? CT_ESTABLISHED : CT_NEW};

	event_write(skb, packet, side, &occasion);
}

#endif /* POLICYC_RUNTIME_EVENTS_H */
