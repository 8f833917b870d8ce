/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From an endpoint to a device of the node, past the host's stack: bpf_fib_lookup answers from the routes that exist. What it
 * has no answer for (the host itself, no route, no forwarding, too large, the end of its way) goes by the stack. So
 * does everything with NODE_EGRESS_DELIVERY off, where netfilter rules of the host, such as masquerading, see it.
 */
#ifndef POLICYC_RUNTIME_FORWARD_H
#define POLICYC_RUNTIME_FORWARD_H

#include "runtime/include/deliver.h"

#define FAMILY_IPV4 2  /* AF_INET */
#define FAMILY_IPV6 10 /* AF_INET6 */

static __always_inline bool may_forward(const struct node_config_value *config, __u32 endpoint_flags)
{
	return config->flags & NODE_EGRESS_DELIVERY & unless_queued(endpoint_flags);
}

/* The action for a packet that its endpoint may send. */
__noinline int forward(struct __sk_buff *skb, const struct packet *packet)
{
	struct bpf_fib_lookup route = {};
	long found;

	if (!have_redirect_peer || !packet || packet->fragment != FRAGMENT_NONE || !is_plain(skb, packet))
		return POLICYC_PASS;
	route.ifindex = skb->ifindex;
	route.l4_protocol = packet->protocol;
	route.tot_len = (__u16)largest_part(skb, packet);
	if (!have_ipv6 || packet->family == 4) {
		route.family = FAMILY_IPV4;
		route.ipv4_src = packet->source.words[0];
		route.ipv4_dst = packet->destination.words[0];
	} else {
		route.family = FAMILY_IPV6;
		__builtin_memcpy(route.ipv6_src, &packet->source, sizeof(route.ipv6_src));
		__builtin_memcpy(route.ipv6_dst, &packet->destination, sizeof(route.ipv6_dst));
	}
	found = bpf_fib_lookup(skb, &route, sizeof(route), 0);
	if (found == BPF_FIB_LKUP_RET_SUCCESS) {
		if (!take_hop(skb, packet))
			return POLICYC_PASS;
		write_link(skb, route.dmac, route.smac);
		return (int)bpf_redirect(route.ifindex, 0);
	}
	/* The neighbour is asked for while the packet waits. */
	if (found == BPF_FIB_LKUP_RET_NO_NEIGH && take_hop(skb, packet))
		return (int)bpf_redirect_neigh(route.ifindex, NULL, 0, 0);
	return POLICYC_PASS;
}

#endif /* POLICYC_RUNTIME_FORWARD_H */
