/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the tc programs of devices carry out what was decided: drop with a report, an ICMP error to the sender, or a translated
 * packet sent on to another host past the stack, which would take the node's own address for a forged source.
 */
#ifndef POLICYC_RUNTIME_DEVICE_H
#define POLICYC_RUNTIME_DEVICE_H

#include "runtime/include/answer.h"
#include "runtime/include/events.h"
#include "runtime/include/link.h"
#include "runtime/include/metrics.h"
#include "runtime/include/nat_dsr.h"
#include "runtime/include/nat_error.h"
#include "runtime/include/nat_service.h"

/* Codes and types of ICMP errors. */
#define ICMP6_TOO_BIG	    2 /* types */
#define ICMP6_TIME_EXCEEDED 3

/*
 * skb->mark of what from_device has translated or made, on its way through to_device, which takes it off. Nothing outside of the
 * node can set a mark.
 */
#define POLICYC_TRANSLATED_MARK 0x70c1a25fU

__noinline int device_drop(struct __sk_buff *skb, const struct packet *packet, __u32 direction, __u32 reason)
{
	struct side side = {.interface_index = skb->ifindex};

	if (!packet)
		return POLICYC_DROP;
	count_dropped(0, reason, direction, packet_bytes(skb, packet));
	event_dropped(skb, packet, &side, direction, reason);
	return POLICYC_DROP;
}

/*
 * Drops a packet and tells its sender: the packet becomes the error. `mtu` of what is too large. `direction` is that of the
 * error: to a sender on this node it comes in.
 */
static __always_inline int device_tell(struct __sk_buff *skb, const struct packet *packet, __u32 reason,
				       __u32 mtu, __u8 direction)
{
	struct icmp_head head = {.type = ICMP4_UNREACHABLE, .code = ICMP4_PORT};
	struct answer_state *state;
	__u32 first = 0, length;

	if (!packet)
		return POLICYC_DROP;
	device_drop(skb, packet, direction == POLICYC_EGRESS ? POLICYC_INGRESS : POLICYC_EGRESS, reason);
	if (!answer_due(packet, NULL, POLICYC_EGRESS))
		return POLICYC_DROP;
	state = bpf_map_lookup_elem(&answer_state, &first);
	if (!state || !answer_take(state))
		return POLICYC_DROP;
	if (packet->family == 6) {
		head.type = ICMP6_FIRST_ERROR;
		head.code = ICMP6_PORT;
	}
	if (reason == DROP_NAT_HOP_LIMIT) {
		head.type = packet->family == 4 ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED;
		head.code = 0;
	} else if (reason == DROP_NAT_TOO_LARGE) {
		head.type = packet->family == 4 ? ICMP4_UNREACHABLE : ICMP6_TOO_BIG;
		head.code = packet->family == 4 ? ICMP4_FRAG_NEEDED : 0;
		/* 16 bits at the end of the header in IPv4, all 32 in IPv6. */
		head.sequence = bpf_htons((__u16)mtu);
	}
	length = answer_error(skb, packet, state, &head);
	if (!length)
		return POLICYC_DROP;
	return answer_send(skb, state, packet->network_offset, length, direction);
}

/* For packets that came in by the device. */
__noinline int device_answer(struct __sk_buff *skb, const struct packet *packet, __u32 reason, __u32 mtu)
{
	return device_tell(skb, packet, reason, mtu, POLICYC_EGRESS);
}

/* For packets of this node that were to leave by the device. */
__noinline int device_answer_inside(struct __sk_buff *skb, const struct packet *packet, __u32 reason,
				    __u32 mtu)
{
	return device_tell(skb, packet, reason, mtu, POLICYC_INGRESS);
}

/* What is written before a packet goes on: its tuple; of an ICMP error, that of what it quotes as well. */
static __always_inline int device_write(struct __sk_buff *skb, const struct packet *packet,
					struct nat_work *work, const struct quoted *quoted)
{
	if (quoted)
		return nat_write_error(skb, packet, quoted, work);
	if (nat_equal(&work->from, &work->hit.to))
		return 0;
	return nat_write(skb, packet, &work->from, &work->hit.to);
}

/* Sends a packet that is ready to the next hop of `route`, which was `found` by route_find(). */
static __always_inline int device_send(struct __sk_buff *skb, const struct bpf_fib_lookup *route, long found)
{
	skb->mark = POLICYC_TRANSLATED_MARK;
	if (found == BPF_FIB_LKUP_RET_NO_NEIGH)
		return (int)bpf_redirect_neigh(route->ifindex, NULL, 0, 0);
	write_link(skb, route->dmac, route->smac);
	return (int)bpf_redirect(route->ifindex, 0);
}

/* Translates a packet that came in and sends it on to another host. */
static __always_inline int device_forward(struct __sk_buff *skb, const struct packet *packet,
					  struct nat_work *work, const struct quoted *quoted)
{
	struct bpf_fib_lookup *route = &work->route;
	bool dsr = !quoted && work->hit.state.flags & NAT_DSR;
	__u32 added = dsr ? dsr_size(packet) : 0;
	long found;

	if (!is_plain(skb, packet))
		return device_drop(skb, packet, POLICYC_INGRESS, DROP_NAT_UNSUPPORTED);
	found = route_find(skb, &work->hit.to, largest_part(skb, packet) + added, route);
	if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return device_answer(skb, packet, DROP_NAT_TOO_LARGE, route->mtu_result - added);
	if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH)
		return device_drop(skb, packet, POLICYC_INGRESS, DROP_NAT_NO_ROUTE);
	if (packet->hop_limit <= 1)
		return device_answer(skb, packet, DROP_NAT_HOP_LIMIT, 0);
	if (device_write(skb, packet, work, quoted) || !take_hop(skb, packet))
		return device_drop(skb, packet, POLICYC_INGRESS, DROP_NAT_UNSUPPORTED);
	if (dsr && dsr_put(skb, packet, &work->from))
		return device_drop(skb, packet, POLICYC_INGRESS, DROP_NAT_UNSUPPORTED);
	return device_send(skb, route, found);
}

#endif /* POLICYC_RUNTIME_DEVICE_H */
