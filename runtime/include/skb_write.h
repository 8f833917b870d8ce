/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes other addresses and ports into an skb: for endpoints (rewrite.h) and devices (nat_skb.h). Its checksum may be whole, or
 * the device's to complete, or come with a sum of the whole packet: the kernel's helpers know which, if they are told what belongs
 * to the pseudo header. Fields behind an IPv6 header are stored with BPF_F_RECOMPUTE_CSUM where the transport's checksum does not
 * make up for them. All return not zero when it cannot be; the packet must not go on then.
 */
#ifndef POLICYC_RUNTIME_SKB_WRITE_H
#define POLICYC_RUNTIME_SKB_WRITE_H

#include "runtime/include/checksum.h"
#include "runtime/include/parse.h"

#define IPV4_CHECKSUM	 10 /* offsets in headers */
#define IPV4_ADDRESSES	 12
#define IPV4_DESTINATION 16
#define IPV6_ADDRESSES	 8
#define IPV6_DESTINATION 24
#define TCP_CHECKSUM	 16
#define UDP_CHECKSUM	 6
#define ICMP_CHECKSUM	 2
#define ICMP_ECHO_ID	 4
#define NO_CHECKSUM	 0 /* an offset that no checksum is at */

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

/*
 * Writes one or two addresses at `field` of the IPv4 header, and the header's checksum. `words`: a constant. `change`: what
 * transport checksums change by.
 */
static __always_inline int skb_write_addresses4(struct __sk_buff *skb, const struct packet *packet,
						__u32 field, const __be32 *before, const __be32 *after,
						__u32 words, __u32 *change)
{
	__u32 offset = bounded(packet->network_offset);
	struct ipv4_header *ip = (void *)(long)skb->data + offset;

	*change = checksum_change(before, after, words);
	if ((void *)(ip + 1) <= (void *)(long)skb->data_end) {
		if (words == 2 || field == IPV4_ADDRESSES)
			ip->source = after[0];
		if (words == 2 || field != IPV4_ADDRESSES)
			ip->destination = after[words - 1];
		ip->checksum = checksum_changed(ip->checksum, *change);
		return 0;
	}
	return bpf_l3_csum_replace(skb, packet->network_offset + IPV4_CHECKSUM, 0, *change, 0) ||
	       bpf_skb_store_bytes(skb, packet->network_offset + field, after, words * 4,
				   BPF_F_INVALIDATE_HASH);
}

static __always_inline int skb_write_addresses6(struct __sk_buff *skb, const struct packet *packet,
						__u32 field, const __be32 *before, const __be32 *after,
						__u32 words, __u32 *change)
{
	*change = checksum_change(before, after, words);
	return (int)bpf_skb_store_bytes(skb, packet->network_offset + field, after, words * 4,
					BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH);
}

/* Ports, or the identifier of an echo (the one of the two that is not 0). */
static __always_inline int skb_write_ports(struct __sk_buff *skb, const struct packet *packet,
					   struct port_pair before, struct port_pair after, __u32 checksum,
					   __u64 flags)
{
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
	old_id = before.source | before.destination;
	new_id = after.source | after.destination;
	return bpf_l4_csum_replace(skb, checksum, old_id, new_id, sizeof(new_id)) ||
	       bpf_skb_store_bytes(skb, packet->transport_offset + ICMP_ECHO_ID, &new_id, sizeof(new_id), 0);
}

/*
 * After the addresses, which changed checksums by `change`: the transport's checksum, and the ports. SCTP has a checksum that is
 * not a sum, so its ports stay. Later fragments have addresses alone.
 */
static __always_inline int skb_write_transport(struct __sk_buff *skb, const struct packet *packet,
					       struct port_pair before, struct port_pair after, __u32 change)
{
	__u32 checksum = checksum_offset(packet->protocol);
	__u64 flags = 0;

	if (packet->fragment == FRAGMENT_LATER || checksum == NO_CHECKSUM)
		return 0;
	if (packet->protocol == IPPROTO_UDP)
		flags |= BPF_F_MARK_MANGLED_0;
	checksum += packet->transport_offset;
	/* ICMPv4 alone has no pseudo header. */
	if (packet->protocol != IPPROTO_ICMP &&
	    bpf_l4_csum_replace(skb, checksum, 0, change, flags | BPF_F_PSEUDO_HDR))
		return -1;
	return skb_write_ports(skb, packet, before, after, checksum, flags);
}

#endif /* POLICYC_RUNTIME_SKB_WRITE_H */
