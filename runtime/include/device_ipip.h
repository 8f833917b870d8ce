/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets to backends' nodes inside of others, and what routers on that way say of them. */
#ifndef POLICYC_RUNTIME_DEVICE_IPIP_H
#define POLICYC_RUNTIME_DEVICE_IPIP_H

#include "runtime/include/device.h"
#include "runtime/include/ipip.h"

#define ICMP4_HOST    1 /* codes of "unreachable" */
#define ICMP6_ADDRESS 3
#define LEAST_MTU4    68 /* RFC 791 */
#define LEAST_MTU6    1280

/* Is the packet for a backend that answers clients itself, and its node told of the frontend by IPIP? */
static __always_inline bool device_wraps(const struct __sk_buff *skb, const struct nat_work *work)
{
	const struct device_value *device;

	if (!(work->hit.state.flags & NAT_DSR))
		return false;
	device = device_lookup(skb->ifindex);
	return device && device->flags & DEVICE_DSR_IPIP;
}

/* Sends a client's packet to its backend's node inside of another one. */
__noinline int device_forward_wrapped(struct __sk_buff *skb, const struct packet *packet,
				      struct nat_work *work)
{
	struct bpf_fib_lookup *route;
	__u32 added;
	long found;

	if (!packet || !work)
		return POLICYC_DROP;
	route = &work->route;
	added = ipip_size(packet->family);
	if (!is_plain(skb, packet) || !wrapper_way(work, skb->ifindex))
		return device_drop(skb, packet, POLICYC_INGRESS, DROP_NAT_UNSUPPORTED);
	found = route_find(skb, &work->back, largest_part(skb, packet) + added, route);
	if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return device_answer(skb, packet, DROP_NAT_TOO_LARGE, route->mtu_result - added);
	if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH)
		return device_drop(skb, packet, POLICYC_INGRESS, DROP_NAT_NO_ROUTE);
	if (packet->hop_limit <= 1)
		return device_answer(skb, packet, DROP_NAT_HOP_LIMIT, 0);
	wrapper_way(work, route->ifindex);
	if (!take_hop(skb, packet) || ipip_put(skb, packet, &work->back))
		return device_drop(skb, packet, POLICYC_INGRESS, DROP_NAT_UNSUPPORTED);
	return device_send(skb, route, found);
}

/* The largest packet that an ICMP error says may come; 0: it does not speak of that. */
static __always_inline __u32 error_mtu(const struct packet *packet, const struct icmp_head *head)
{
	if (!have_ipv6 || packet->family == 4)
		return icmp_frag_needed(packet) ? bpf_ntohs(head->sequence) : 0;
	return packet->icmp_type == ICMP6_TOO_BIG
		       ? (__u32)bpf_ntohs(head->id) << 16 | bpf_ntohs(head->sequence)
		       : 0;
}

/*
 * Is the quoted packet of `work->quoted` a wrapper of ours? `work->inner` is then the client's packet in it. Who answers for a wrapper
 * quotes its source and the connection; nobody else knows both.
 */
static __always_inline bool wrapper_quoted(struct __sk_buff *skb, const struct packet *packet,
					   struct nat_work *work)
{
	struct packet *outer = &work->quoted.packet;
	struct packet *inner = &work->inner;

	if (outer->family != packet->family ||
	    outer->protocol != (packet->family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6) ||
	    outer->fragment != FRAGMENT_NONE || !address_equal6(&packet->destination, outer->source.bytes))
		return false;
	/* parse_quoted() looks behind an ICMP header. */
	outer->transport_offset -= sizeof(struct icmp_head);
	__builtin_memset(inner, 0, sizeof(*inner));
	if (parse_quoted(skb, outer, inner) || inner->kind != PACKET_FLOW ||
	    inner->fragment == FRAGMENT_LATER)
		return false;
	work->from = nat_tuple_of(inner);
	return nat_find(&work->from, &work->hit) &&
	       (work->hit.state.flags & (NAT_DSR | NAT_FORWARD)) == (NAT_DSR | NAT_FORWARD) &&
	       address_equal6(&work->hit.to.destination, outer->destination.bytes);
}

/*
 * An ICMP error about a wrapper (RFC 2003, section 4; RFC 2473, section 8): the client hears that its packet is too large, or that the
 * host is not reachable. For errors that nat_quoted() knows nothing of, after it. False: the error is not about one, and the packet is
 * as it was; else `*action` is the program's.
 */
__noinline int device_wrapper_error(struct __sk_buff *skb, const struct packet *packet, struct nat_work *work,
				    int *action)
{
	struct icmp_head seen = {}, head = {};
	struct answer_state *state;
	__u32 first = 0, length, mtu, least;
	long found;

	if (!packet || !work || !action)
		return false;
	if (!is_plain(skb, packet) || !wrapper_quoted(skb, packet, work) ||
	    packet_read(skb, packet->transport_offset, &seen, sizeof(seen)))
		return false;
	*action = POLICYC_DROP;
	mtu = error_mtu(packet, &seen);
	least = packet->family == 4 ? LEAST_MTU4 : LEAST_MTU6;
	head.type = packet->family == 4 ? ICMP4_UNREACHABLE : ICMP6_FIRST_ERROR;
	head.code = packet->family == 4 ? ICMP4_HOST : ICMP6_ADDRESS;
	if (mtu) {
		mtu -= mtu > ipip_size(packet->family) ? ipip_size(packet->family) : mtu;
		if (mtu < least)
			mtu = least;
		head.type = packet->family == 4 ? ICMP4_UNREACHABLE : ICMP6_TOO_BIG;
		head.code = packet->family == 4 ? ICMP4_FRAG_NEEDED : 0;
		head.sequence = bpf_htons((__u16)mtu);
	}
	state = bpf_map_lookup_elem(&answer_state, &first);
	if (!state || !answer_take(state))
		return true;
	length = answer_error(skb, &work->inner, state, &head);
	work->back = nat_turned(&work->from);
	work->back.protocol = packet->protocol;
	found = route_find(skb, &work->back, 0, &work->route);
	if (!length || (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) ||
	    answer_write(skb, state, ETHERNET_HEADER, length))
		return true;
	*action = device_send(skb, &work->route, found);
	return true;
}

#endif /* POLICYC_RUNTIME_DEVICE_IPIP_H */
