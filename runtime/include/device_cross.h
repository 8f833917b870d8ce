/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections between an IPv6 client and an IPv4 backend, and the other way round (NAT64, NAT46): whichever way a packet goes, it
 * leaves from the program that translates it, since the stack has already decided for the family that it had.
 */
#ifndef POLICYC_RUNTIME_DEVICE_CROSS_H
#define POLICYC_RUNTIME_DEVICE_CROSS_H

#include "runtime/include/device.h"
#include "runtime/include/nat_cross.h"

/* Drops a packet and tells its sender, who is behind the device (from_device) or in front of it, on this node (to_device). */
static __always_inline int cross_answer(struct __sk_buff *skb, const struct packet *packet, __u32 direction,
					__u32 reason, __u32 mtu)
{
	return direction == POLICYC_INGRESS ? device_answer(skb, packet, reason, mtu)
					    : device_answer_inside(skb, packet, reason, mtu);
}

/* Translates a packet of `work->hit` and sends it on. What comes in has one hop less then; of what leaves the stack took it. */
__noinline int device_cross(struct __sk_buff *skb, const struct packet *packet, struct nat_work *work,
			    __u32 direction)
{
	struct bpf_fib_lookup *route;
	__u32 length, mtu, hops;
	long found;

	if (!packet || !work)
		return POLICYC_DROP;
	route = &work->route;
	hops = direction == POLICYC_INGRESS;
	length = largest_part(skb, packet);
	if (skb->vlan_present || !cross_can(packet) || length < CROSS_DIFFERENCE)
		return device_drop(skb, packet, direction, DROP_NAT_UNSUPPORTED);
	length = work->hit.to.family == 6 ? length + CROSS_DIFFERENCE : length - CROSS_DIFFERENCE;
	found = route_find(skb, &work->hit.to, length, route);
	if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
		mtu = work->hit.to.family == 6 ? route->mtu_result - CROSS_DIFFERENCE
					       : route->mtu_result + CROSS_DIFFERENCE;
		return cross_answer(skb, packet, direction, DROP_NAT_TOO_LARGE, mtu);
	}
	if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH)
		return device_drop(skb, packet, direction, DROP_NAT_NO_ROUTE);
	if (packet->hop_limit <= hops)
		return cross_answer(skb, packet, direction, DROP_NAT_HOP_LIMIT, 0);
	if (cross_write(skb, packet, &work->from, &work->hit.to, hops))
		return device_drop(skb, packet, direction, DROP_NAT_UNSUPPORTED);
	return device_send(skb, route, found);
}

/* Translates an ICMP error after nat_quoted() and sends it on. */
__noinline int device_cross_error(struct __sk_buff *skb, const struct packet *packet, struct nat_work *work,
				  __u32 direction)
{
	struct answer_state *state;
	__u32 first = 0;
	long found;
	int length;

	if (!packet || !work)
		return POLICYC_DROP;
	state = bpf_map_lookup_elem(&answer_state, &first);
	if (!state || skb->vlan_present || packet->network_offset != ETHERNET_HEADER)
		return device_drop(skb, packet, direction, DROP_NAT_UNSUPPORTED);
	length = cross_error(skb, packet, work);
	if (length <= 0)
		return device_drop(skb, packet, direction, DROP_NAT_UNSUPPORTED);
	work->back = work->hit.to;
	work->back.protocol = work->back.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	found = route_find(skb, &work->back, 0, &work->route);
	if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH)
		return device_drop(skb, packet, direction, DROP_NAT_NO_ROUTE);
	if (cross_family(skb, work->back.family) || answer_write(skb, state, ETHERNET_HEADER, (__u32)length))
		return device_drop(skb, packet, direction, DROP_NAT_UNSUPPORTED);
	return device_send(skb, &work->route, found);
}

#endif /* POLICYC_RUNTIME_DEVICE_CROSS_H */
