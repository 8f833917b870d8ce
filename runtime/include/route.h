/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a translated packet goes: bpf_fib_lookup answers from the node's routes and neighbours. */
#ifndef POLICYC_RUNTIME_ROUTE_H
#define POLICYC_RUNTIME_ROUTE_H

#include "runtime/include/nat_table.h"

#define FAMILY_IPV4 2  /* AF_INET */
#define FAMILY_IPV6 10 /* AF_INET6 */

/* The way of a packet of `length` bytes (0: whatever) with that tuple: as bpf_fib_lookup. */
static __always_inline long route_find(frame *context, const struct nat_tuple *to, __u32 length,
				       struct bpf_fib_lookup *route)
{
	__builtin_memset(route, 0, sizeof(*route));
	route->ifindex = frame_interface(context);
	route->l4_protocol = to->protocol;
	route->tot_len = (__u16)length;
	route->sport = to->source_port;
	route->dport = to->destination_port;
	if (!have_ipv6 || to->family == 4) {
		route->family = FAMILY_IPV4;
		route->ipv4_src = to->source.words[0];
		route->ipv4_dst = to->destination.words[0];
	} else {
		route->family = FAMILY_IPV6;
		__builtin_memcpy(route->ipv6_src, &to->source, sizeof(route->ipv6_src));
		__builtin_memcpy(route->ipv6_dst, &to->destination, sizeof(route->ipv6_dst));
	}
	return bpf_fib_lookup(context, route, sizeof(*route), 0);
}

/* The device that a packet with that tuple leaves by, even if it is too large for it. 0: it has no way to another host. */
static __always_inline __u32 route_device(frame *context, const struct nat_tuple *to,
					  struct bpf_fib_lookup *route)
{
	long found = route_find(context, to, 0, route);

	if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH &&
	    found != BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return 0;
	return route->ifindex;
}

#endif /* POLICYC_RUNTIME_ROUTE_H */
