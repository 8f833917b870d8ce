/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes a translated tuple into a frame of XDP: there every checksum is whole, and nothing is kept beside the bytes. */
#ifndef POLICYC_RUNTIME_NAT_XDP_H
#define POLICYC_RUNTIME_NAT_XDP_H

#include "runtime/include/checksum.h"
#include "runtime/include/nat_table.h"

/* Writes addresses and takes one hop; gives what transport checksums change by. Not zero: the frame is too short. */
static __always_inline int xdp_write_network(struct xdp_md *context, const struct packet *packet,
					     const struct nat_tuple *to, __u32 *change)
{
	void *network = (void *)(long)context->data + ETHERNET_HEADER;
	void *data_end = (void *)(long)context->data_end;

	if (!have_ipv6 || packet->family == 4) {
		struct ipv4_header *ip = network;
		__be32 before[2] = {packet->source.words[0], packet->destination.words[0]};
		__be32 after[2] = {to->source.words[0], to->destination.words[0]};

		if ((void *)(ip + 1) > data_end)
			return -1;
		*change = checksum_change(before, after, 2);
		ip->source = after[0];
		ip->destination = after[1];
		ip->ttl--;
		/* The word that holds the TTL has become smaller by 0x100. */
		ip->checksum = checksum_changed(checksum_changed(ip->checksum, *change),
						(__u32)(__be16)~bpf_htons(0x0100));
	} else {
		struct ipv6_header *ip = network;
		union address before[2] = {packet->source, packet->destination};
		union address after[2] = {to->source, to->destination};

		if ((void *)(ip + 1) > data_end)
			return -1;
		*change = checksum_change((__be32 *)before, (__be32 *)after, 8);
		__builtin_memcpy(ip->source, &after[0], sizeof(after[0]));
		__builtin_memcpy(ip->destination, &after[1], sizeof(after[1]));
		ip->hop_limit--;
	}
	return 0;
}

/* Gives a TCP or UDP packet, whose tuple is `from`, the tuple `to`, one hop later. Not zero: the frame is too short. */
__noinline int xdp_write(struct xdp_md *context, const struct packet *packet, const struct nat_tuple *from,
			 const struct nat_tuple *to)
{
	struct port_pair before, after;
	__u32 change = 0, ports_change, offset;
	__be16 *ports, *checksum;

	if (!packet || !from || !to)
		return -1;
	if (xdp_write_network(context, packet, to, &change))
		return -1;
	before = (struct port_pair){from->source_port, from->destination_port};
	after = (struct port_pair){to->source_port, to->destination_port};
	/* One's complement: what overflows is added again. */
	ports_change = checksum_change((__be32 *)&before, (__be32 *)&after, 1);
	change += ports_change;
	change += change < ports_change;
	offset = packet->transport_offset;
	if (offset > MAX_OFFSET)
		return -1;
	ports = (void *)(long)context->data + offset;
	checksum = (void *)ports + (packet->protocol == IPPROTO_TCP ? 16 : 6);
	if ((void *)(checksum + 1) > (void *)(long)context->data_end ||
	    (void *)(ports + 2) > (void *)(long)context->data_end)
		return -1;
	ports[0] = to->source_port;
	ports[1] = to->destination_port;
	if (packet->protocol == IPPROTO_TCP) {
		*checksum = checksum_changed(*checksum, change);
	} else if (*checksum) {
		*checksum = checksum_changed(*checksum, change);
		if (!*checksum)
			*checksum = 0xffff;
	}
	return 0;
}

#endif /* POLICYC_RUNTIME_NAT_XDP_H */
