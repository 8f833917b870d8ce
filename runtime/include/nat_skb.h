/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes a translated tuple into an skb. */
#ifndef POLICYC_RUNTIME_NAT_SKB_H
#define POLICYC_RUNTIME_NAT_SKB_H

#include "runtime/include/nat_tuple.h"
#include "runtime/include/skb_write.h"

/* Two addresses, as they are next to each other in a packet. */
struct address_pair4 {
	__be32 source;
	__be32 destination;
};
struct address_pair6 {
	union address source;
	union address destination;
};

/* Writes the addresses and the checksum of the IPv4 header; gives what transport checksums change by. Not zero: failed. */
static __always_inline int write_addresses(struct __sk_buff *skb, const struct packet *packet,
					   const struct nat_tuple *to, __u32 *change)
{
	if (!have_ipv6 || packet->family == 4) {
		struct address_pair4 before = {packet->source.words[0], packet->destination.words[0]};
		struct address_pair4 after = {to->source.words[0], to->destination.words[0]};

		return skb_write_addresses4(skb, packet, IPV4_ADDRESSES, (__be32 *)&before, (__be32 *)&after,
					    2, change);
	} else {
		struct address_pair6 before = {packet->source, packet->destination};
		struct address_pair6 after = {to->source, to->destination};

		return skb_write_addresses6(skb, packet, IPV6_ADDRESSES, (__be32 *)&before, (__be32 *)&after,
					    8, change);
	}
}

/*
 * Gives the packet, whose tuple is `from`, the tuple `to`. Not zero: it cannot be, and the packet must not go on. Later fragments
 * have addresses alone.
 */
__noinline int nat_write(struct __sk_buff *skb, const struct packet *packet, const struct nat_tuple *from,
			 const struct nat_tuple *to)
{
	struct port_pair before, after;
	__u32 change = 0;

	if (!packet || !from || !to || packet->transport_offset > MAX_OFFSET)
		return -1;
	if (write_addresses(skb, packet, to, &change))
		return -1;
	before = (struct port_pair){from->source_port, from->destination_port};
	after = (struct port_pair){to->source_port, to->destination_port};
	return skb_write_transport(skb, packet, before, after, change);
}

#endif /* POLICYC_RUNTIME_NAT_SKB_H */
