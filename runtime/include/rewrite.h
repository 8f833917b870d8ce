/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gives one end of a packet another address and port, in the packet and in what is known of it, with its checksums. SCTP keeps
 * its ports: its checksum covers them and is not a sum. Of a later fragment only the address is there.
 */
#ifndef POLICYC_RUNTIME_REWRITE_H
#define POLICYC_RUNTIME_REWRITE_H

#include "runtime/include/skb_write.h"

enum end { END_SOURCE, END_DESTINATION };

/* `end` is enum end. DROP_NONE, or why it cannot be. */
__noinline int rewrite_end(struct __sk_buff *skb, struct packet *packet, const union address *address,
			   __u32 port_and_end)
{
	__be16 port = (__be16)port_and_end;
	enum end end = port_and_end >> 16;
	struct port_pair before, after;
	union address *known;
	__be16 *known_port;
	__u32 change = 0;
	int failed;

	if (!packet || !address)
		return DROP_MISSING_STATE;
	known = end == END_SOURCE ? &packet->source : &packet->destination;
	known_port = end == END_SOURCE ? &packet->source_port : &packet->destination_port;
	if (packet->protocol == IPPROTO_SCTP && *known_port != port)
		return DROP_NAT_UNSUPPORTED;
	if (packet->transport_offset > MAX_OFFSET)
		return DROP_TRUNCATED;
	if (!have_ipv6 || packet->family == 4)
		failed = skb_write_addresses4(skb, packet,
					      end == END_SOURCE ? IPV4_ADDRESSES : IPV4_DESTINATION,
					      known->words, address->words, 1, &change);
	else
		failed = skb_write_addresses6(skb, packet,
					      end == END_SOURCE ? IPV6_ADDRESSES : IPV6_DESTINATION,
					      known->words, address->words, 4, &change);
	if (failed)
		return DROP_TRUNCATED;
	before = (struct port_pair){packet->source_port, packet->destination_port};
	*known = *address;
	*known_port = port;
	after = (struct port_pair){packet->source_port, packet->destination_port};
	if (packet->kind == PACKET_FLOW && skb_write_transport(skb, packet, before, after, change))
		return DROP_TRUNCATED;
	return DROP_NONE;
}
#define REWRITE(end, port) ((__u32)(end) << 16 | (__u32)(port))

#endif /* POLICYC_RUNTIME_REWRITE_H */
