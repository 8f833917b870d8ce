/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A client's packet inside of another one of the same family, as Cilium's dsrDispatch=ipip has it (RFC 2003, RFC 2473): the outer
 * packet goes from the balancing node to the backend, the inner one is the client's, less a hop.
 */
#ifndef POLICYC_RUNTIME_IPIP_H
#define POLICYC_RUNTIME_IPIP_H

#include "runtime/include/nat_tuple.h"

#define IPIP_HOPS 64
#define IPIP_CLASS4                                                                                          \
	0xfc /* of the inner class of service: not the congestion bits (RFC 6040: what we take off has none) */
#define IPIP_ECN6	   0x00300000U
#define IPV4_DONT_FRAGMENT 0x4000

/* Bytes that wrapping adds to a packet. */
static __always_inline __u32 ipip_size(__u8 family)
{
	return family == 4 ? sizeof(struct ipv4_header) : sizeof(struct ipv6_header);
}

/*
 * The outer header of a packet with the header `inner`; it goes from and to the addresses of `way`. The MTU was asked, so it must not
 * be fragmented and needs no identifier (RFC 6864). Not zero: too long.
 */
static __always_inline int ipip_header4(struct ipv4_header *outer, const struct ipv4_header *inner,
					const struct nat_tuple *way)
{
	__u32 length = bpf_ntohs(inner->total_length) + sizeof(*outer), sum;

	if (length > 0xffff || length == sizeof(*outer))
		return -1;
	*outer = (struct ipv4_header){
		.version_length = IPV4_PLAIN,
		.tos = inner->tos & IPIP_CLASS4,
		.total_length = bpf_htons((__u16)length),
		.fragment = bpf_htons(IPV4_DONT_FRAGMENT),
		.ttl = IPIP_HOPS,
		.protocol = IPPROTO_IPIP,
		.source = way->source.words[0],
		.destination = way->destination.words[0],
	};
	sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)outer, sizeof(*outer), 0);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	outer->checksum = (__be16)~sum;
	return 0;
}

/* The same; the flow label stays, so that one connection keeps one way. */
static __always_inline int ipip_header6(struct ipv6_header *outer, const struct ipv6_header *inner,
					const struct nat_tuple *way)
{
	__u32 length = bpf_ntohs(inner->payload_length) + sizeof(*outer);

	if (length > 0xffff || length == sizeof(*outer))
		return -1;
	outer->version_class_flow = inner->version_class_flow & ~bpf_htonl(IPIP_ECN6);
	outer->payload_length = bpf_htons((__u16)length);
	outer->next_header = IPPROTO_IPV6;
	outer->hop_limit = IPIP_HOPS;
	__builtin_memcpy(outer->source, &way->source, sizeof(outer->source));
	__builtin_memcpy(outer->destination, &way->destination, sizeof(outer->destination));
	return 0;
}

#ifndef POLICYC_XDP

/* Puts the `outer` header of `size` bytes (a constant) in front of the packet. Not zero: it cannot be. */
static __always_inline int ipip_store(struct __sk_buff *skb, const void *outer, __u32 size, __u64 family)
{
	return bpf_skb_adjust_room(skb, (int)size, BPF_ADJ_ROOM_MAC, family | BPF_F_ADJ_ROOM_FIXED_GSO) ||
	       bpf_skb_store_bytes(skb, ETHERNET_HEADER, outer, size,
				   BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH);
}

/* Wraps a packet without VLAN tags. Not zero: it cannot be. */
__noinline int ipip_put(struct __sk_buff *skb, const struct packet *packet, const struct nat_tuple *way)
{
	if (!packet || !way)
		return -1;
	if (!have_ipv6 || packet->family == 4) {
		struct ipv4_header inner, outer;

		return bpf_skb_load_bytes(skb, ETHERNET_HEADER, &inner, sizeof(inner)) ||
		       ipip_header4(&outer, &inner, way) ||
		       ipip_store(skb, &outer, sizeof(outer), BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);
	} else {
		struct ipv6_header inner, outer;

		return bpf_skb_load_bytes(skb, ETHERNET_HEADER, &inner, sizeof(inner)) ||
		       ipip_header6(&outer, &inner, way) ||
		       ipip_store(skb, &outer, sizeof(outer), BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);
	}
}

#else

/* The same for XDP; of the Ethernet header only the type is written. */
static __always_inline int ipip_store(struct xdp_md *context, const void *outer, __u32 size, __be16 type)
{
	void *data;

	if (bpf_xdp_adjust_head(context, -(int)size))
		return -1;
	data = (void *)(long)context->data;
	if (data + ETHERNET_HEADER + size > (void *)(long)context->data_end)
		return -1;
	__builtin_memcpy(data + ETHERNET_HEADER, outer, size);
	*(__be16 *)(data + ETHERNET_HEADER - sizeof(type)) = type;
	return 0;
}

/* One hop less, and the wrapper in front; the Ethernet header is the caller's to write. Not zero: it cannot be. */
__noinline int ipip_put_xdp(struct xdp_md *context, const struct packet *packet, const struct nat_tuple *way)
{
	void *network, *data_end;

	if (!packet || !way)
		return -1;
	network = (void *)(long)context->data + ETHERNET_HEADER;
	data_end = (void *)(long)context->data_end;
	if (!have_ipv6 || packet->family == 4) {
		struct ipv4_header *inner = network, outer;
		__u32 checksum;

		if ((void *)(inner + 1) > data_end || ipip_header4(&outer, inner, way))
			return -1;
		inner->ttl--;
		checksum = inner->checksum + (__u32)bpf_htons(0x0100);
		inner->checksum = (__be16)(checksum + (checksum >= 0xffff));
		return ipip_store(context, &outer, sizeof(outer), bpf_htons(ETHERTYPE_IPV4));
	} else {
		struct ipv6_header *inner = network, outer;

		if ((void *)(inner + 1) > data_end || ipip_header6(&outer, inner, way))
			return -1;
		inner->hop_limit--;
		return ipip_store(context, &outer, sizeof(outer), bpf_htons(ETHERTYPE_IPV6));
	}
}

#endif

#endif /* POLICYC_RUNTIME_IPIP_H */
