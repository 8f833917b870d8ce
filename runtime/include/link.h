/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a router does to a packet that it sends on: does it fit, one hop less, the addresses of the next link. */
#ifndef POLICYC_RUNTIME_LINK_H
#define POLICYC_RUNTIME_LINK_H

#include "runtime/include/endpoint.h"

#define PACKET_TO_HOST 0 /* linux/if_packet.h: PACKET_HOST */

static __always_inline bool is_for(const struct packet *packet, const struct endpoint_value *endpoint)
{
	if (!have_ipv6 || packet->family == 4)
		return endpoint->ipv4 == packet->destination.words[0];
	return address_equal6(&packet->destination, endpoint->ipv6);
}

/* Bytes of the packet, of a train of segments (GSO) those of a full one. */
static __always_inline __u32 largest_part(const struct __sk_buff *skb, const struct packet *packet)
{
	if (skb->gso_segs && packet->kind == PACKET_FLOW)
		return packet->transport_offset - packet->network_offset + packet->transport_header +
		       skb->gso_size;
	return packet_bytes(skb, packet);
}

/* Is it for the host to route, and without tags? A VLAN's tag is mostly beside the frame, not in it. */
static __always_inline bool is_plain(const struct __sk_buff *skb, const struct packet *packet)
{
	return skb->pkt_type == PACKET_TO_HOST && !skb->vlan_present &&
	       packet->network_offset == ETHERNET_HEADER;
}

/* May it go to the endpoint past the host's stack, as far as its interface tells? */
static __always_inline bool fits(const struct __sk_buff *skb, const struct packet *packet,
				 const struct endpoint_value *endpoint)
{
	return is_plain(skb, packet) &&
	       largest_part(skb, packet) <= (endpoint->mtu & unless_queued(endpoint->flags));
}

/* One hop less, as a router does. False: it was the last one, and the packet is as it was. */
static __always_inline bool take_hop(struct __sk_buff *skb, const struct packet *packet)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	if (!have_ipv6 || packet->family == 4) {
		struct ipv4_header *ip = data + ETHERNET_HEADER;
		__u32 checksum;

		if ((void *)(ip + 1) > data_end || ip->ttl <= 1)
			return false;
		ip->ttl--;
		/* RFC 1624: the word that holds the TTL has become smaller by 0x100, so the sum grows by it. */
		checksum = ip->checksum + (__u32)bpf_htons(0x0100);
		ip->checksum = (__be16)(checksum + (checksum >= 0xffff));
	} else {
		struct ipv6_header *ip = data + ETHERNET_HEADER;

		if ((void *)(ip + 1) > data_end || ip->hop_limit <= 1)
			return false;
		ip->hop_limit--;
	}
	return true;
}

/* The Ethernet addresses of the next link. */
static __always_inline void write_link(struct __sk_buff *skb, const __u8 *to, const __u8 *from)
{
	__u8 *ethernet = (void *)(long)skb->data;

	if ((void *)(ethernet + ETHERNET_HEADER) > (void *)(long)skb->data_end)
		return;
	__builtin_memcpy(ethernet, to, 6);
	__builtin_memcpy(ethernet + 6, from, 6);
}

#endif /* POLICYC_RUNTIME_LINK_H */
