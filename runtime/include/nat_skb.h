/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes a translated tuple into an skb. Its checksum may be whole, or the device's to complete, or come with a sum of the
 * whole packet: the kernel's helpers know which, if they are told what belongs to the pseudo header. Fields behind an IPv6
 * header are stored with BPF_F_RECOMPUTE_CSUM where the transport's checksum does not make up for them.
 */
#ifndef POLICYC_RUNTIME_NAT_SKB_H
#define POLICYC_RUNTIME_NAT_SKB_H

#include "runtime/include/checksum.h"
#include "runtime/include/nat_table.h"

#define IPV4_CHECKSUM  10 /* offsets in headers */
#define IPV4_ADDRESSES 12
#define IPV6_ADDRESSES 8
#define TCP_CHECKSUM   16
#define UDP_CHECKSUM   6
#define ICMP_CHECKSUM  2
#define ICMP_ECHO_ID   4
#define NO_CHECKSUM    0 /* an offset that no checksum is at */

/* Two addresses, as they are next to each other in a packet. */
struct address_pair4 {
	__be32 source;
	__be32 destination;
};
struct address_pair6 {
	union address source;
	union address destination;
};

/* Where in its transport header a protocol has the checksum that changes with addresses or ports. */
static __always_inline __u32 checksum_offset(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return TCP_CHECKSUM;
	case IPPROTO_UDP:
		return UDP_CHECKSUM;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return ICMP_CHECKSUM;
	default:
		return NO_CHECKSUM;
	}
}

/* An offset that is no larger than MAX_OFFSET, so that the verifier knows it too. */
static __always_inline __u32 bounded(__u32 offset)
{
	asm volatile("" : "+r"(offset));
	return offset & MAX_OFFSET;
}

/* Writes the addresses and the checksum of the IPv4 header; gives what transport checksums change by. Not zero: failed. */
static __always_inline int write_addresses(struct __sk_buff *skb, const struct packet *packet,
					   const struct nat_tuple *to, __u32 *change)
{
	if (!have_ipv6 || packet->family == 4) {
		struct address_pair4 before = {packet->source.words[0], packet->destination.words[0]};
		struct address_pair4 after = {to->source.words[0], to->destination.words[0]};

		__u32 offset = bounded(packet->network_offset);
		struct ipv4_header *ip = (void *)(long)skb->data + offset;

		*change = checksum_change((__be32 *)&before, (__be32 *)&after, 2);
		if ((void *)(ip + 1) <= (void *)(long)skb->data_end) {
			ip->source = after.source;
			ip->destination = after.destination;
			ip->checksum = checksum_changed(ip->checksum, *change);
			return 0;
		}
		return bpf_l3_csum_replace(skb, packet->network_offset + IPV4_CHECKSUM, 0, *change, 0) ||
		       bpf_skb_store_bytes(skb, packet->network_offset + IPV4_ADDRESSES, &after,
					   sizeof(after), BPF_F_INVALIDATE_HASH);
	} else {
		struct address_pair6 before = {packet->source, packet->destination};
		struct address_pair6 after = {to->source, to->destination};

		*change = checksum_change((__be32 *)&before, (__be32 *)&after, 8);
		return (int)bpf_skb_store_bytes(skb, packet->network_offset + IPV6_ADDRESSES, &after,
						sizeof(after), BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH);
	}
}

/* Ports, or the identifier of an echo. Not zero: failed. */
static __always_inline int write_ports(struct __sk_buff *skb, const struct packet *packet,
				       const struct nat_tuple *from, const struct nat_tuple *to,
				       __u32 checksum, __u64 flags)
{
	struct port_pair before = {from->source_port, from->destination_port};
	struct port_pair after = {to->source_port, to->destination_port};
	__be16 old_id, new_id;
	__u32 change;

	if (before.source == after.source && before.destination == after.destination)
		return 0;
	if (packet->kind == PACKET_FLOW) {
		struct port_pair *ports;

		change = checksum_change((__be32 *)&before, (__be32 *)&after, 1);
		if (bpf_l4_csum_replace(skb, checksum, 0, change, flags))
			return -1;
		ports = (void *)(long)skb->data + bounded(packet->transport_offset);
		if ((void *)(ports + 1) <= (void *)(long)skb->data_end) {
			ports->source = after.source;
			ports->destination = after.destination;
			return 0;
		}
		return (int)bpf_skb_store_bytes(skb, packet->transport_offset, &after, sizeof(after), 0);
	}
	old_id = before.source | before.destination; /* one of them is 0 */
	new_id = after.source | after.destination;
	return bpf_l4_csum_replace(skb, checksum, old_id, new_id, sizeof(new_id)) ||
	       bpf_skb_store_bytes(skb, packet->transport_offset + ICMP_ECHO_ID, &new_id, sizeof(new_id), 0);
}

/*
 * Gives the packet, whose tuple is `from`, the tuple `to`. Not zero: it cannot be, and the packet must not go on. Later fragments
 * have addresses alone.
 */
__noinline int nat_write(struct __sk_buff *skb, const struct packet *packet, const struct nat_tuple *from,
			 const struct nat_tuple *to)
{
	__u32 checksum, change = 0;
	__u64 flags = 0;

	if (!packet || !from || !to || packet->transport_offset > MAX_OFFSET)
		return -1;
	if (write_addresses(skb, packet, to, &change))
		return -1;
	if (packet->fragment == FRAGMENT_LATER)
		return 0;
	checksum = checksum_offset(packet->protocol);
	if (checksum == NO_CHECKSUM)
		return 0;
	if (packet->protocol == IPPROTO_UDP)
		flags |= BPF_F_MARK_MANGLED_0;
	checksum += packet->transport_offset;
	/* ICMPv4 alone has no pseudo header. */
	if (packet->protocol != IPPROTO_ICMP &&
	    bpf_l4_csum_replace(skb, checksum, 0, change, flags | BPF_F_PSEUDO_HDR))
		return -1;
	return write_ports(skb, packet, from, to, checksum, flags);
}

#endif /* POLICYC_RUNTIME_NAT_SKB_H */
