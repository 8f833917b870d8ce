/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes packets of one IP family as packets of the other (RFC 7915): of TCP and UDP, and ICMP errors about them. The packet has an
 * Ethernet header and no tags; who calls asked the MTU.
 */
#ifndef POLICYC_RUNTIME_NAT_CROSS_H
#define POLICYC_RUNTIME_NAT_CROSS_H

#include "runtime/include/answer.h"
#include "runtime/include/ipip.h"
#include "runtime/include/nat_error.h"

#define CROSS_DIFFERENCE 20 /* bytes that an IPv6 header is longer */
#define CROSS_WHOLE                                                                                          \
	1260		/* larger IPv4 packets must not be fragmented: that is what IPv6 carries everywhere */
#define CROSS_QUOTE 512 /* bytes of a quoted packet behind its IP header that an error keeps */

/* Ends of a packet of either family, for the difference of two sums. */
struct cross_ends {
	union address source;
	union address destination;
};

/* By how much sums grow when the addresses of `from` become those of `to`. IPv4's are followed by zeros, which add nothing. */
static __always_inline __u32 cross_change(const struct nat_tuple *from, const struct nat_tuple *to)
{
	struct cross_ends before = {from->source, from->destination};
	struct cross_ends after = {to->source, to->destination};

	return checksum_change((__be32 *)&before, (__be32 *)&after, 8);
}

/* What both headers say, in host order. */
struct cross_header {
	__u32 length; /* of what is behind the header; 0: more than the field holds */
	__u8 class;
	__u8 hops;
	__u8 protocol;
	__u8 pad;
};

/* Of the header at `offset`; without options. Not zero: there is none. */
static __always_inline int cross_read(struct __sk_buff *skb, __u32 offset, __u8 family,
				      struct cross_header *header)
{
	if (family == 4) {
		struct ipv4_header ip;

		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)))
			return -1;
		header->length = bpf_ntohs(ip.total_length);
		header->length -= header->length < sizeof(ip) ? header->length : sizeof(ip);
		header->class = ip.tos;
		header->hops = ip.ttl;
		header->protocol = ip.protocol;
	} else {
		__be32 head[2];

		if (bpf_skb_load_bytes(skb, offset, head, sizeof(head)))
			return -1;
		header->length = bpf_ntohl(head[1]) >> 16;
		header->class = (__u8)(bpf_ntohl(head[0]) >> 20);
		header->hops = (__u8)bpf_ntohl(head[1]);
		header->protocol = (__u8)(bpf_ntohl(head[1]) >> 8);
	}
	return 0;
}

static __always_inline void cross_header4(struct ipv4_header *ip, const struct cross_header *header,
					  const union address *source, const union address *destination)
{
	__u32 length = header->length + sizeof(*ip);

	*ip = (struct ipv4_header){
		.version_length = IPV4_PLAIN,
		.tos = header->class,
		.total_length = bpf_htons((__u16)length),
		.ttl = header->hops,
		.protocol = header->protocol,
		.source = source->words[0],
		.destination = destination->words[0],
	};
	if (length > CROSS_WHOLE)
		ip->fragment = bpf_htons(IPV4_DONT_FRAGMENT);
	else
		ip->id = (__be16)bpf_get_prandom_u32();
	ip->checksum = sum_fold((__u32)bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0));
}

static __always_inline void cross_header6(struct ipv6_header *ip, const struct cross_header *header,
					  const union address *source, const union address *destination)
{
	ip->version_class_flow = bpf_htonl(0x60000000U | (__u32)header->class << 20);
	ip->payload_length = bpf_htons((__u16)header->length);
	ip->next_header = header->protocol;
	ip->hop_limit = header->hops;
	__builtin_memcpy(ip->source, source, sizeof(ip->source));
	__builtin_memcpy(ip->destination, destination, sizeof(ip->destination));
}

/* Makes room for a header of the family, and says so in front of it. */
static __always_inline int cross_family(struct __sk_buff *skb, __u8 family)
{
	__be16 type = bpf_htons(family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);

	return bpf_skb_change_proto(skb, type, 0) ||
	       bpf_skb_store_bytes(skb, ETHERNET_HEADER - sizeof(type), &type, sizeof(type), 0);
}

/* Can it be one of the other family? Not with options or extension headers, nor in fragments. */
static __always_inline bool cross_can(const struct packet *packet)
{
	return packet->kind == PACKET_FLOW && packet->protocol != IPPROTO_SCTP &&
	       packet->fragment == FRAGMENT_NONE && packet->network_offset == ETHERNET_HEADER &&
	       packet->transport_offset - packet->network_offset ==
		       (packet->family == 4 ? sizeof(struct ipv4_header) : sizeof(struct ipv6_header));
}

/*
 * Gives a packet, whose tuple is `from`, the tuple `to` of the other family, `hops` hops later. Not zero: it cannot be, and the packet
 * must not go on. IPv4's UDP without a checksum cannot: IPv6 has none without.
 */
__noinline int cross_write(struct __sk_buff *skb, const struct packet *packet, const struct nat_tuple *from,
			   const struct nat_tuple *to, __u32 hops)
{
	struct port_pair before, after;
	struct cross_header header = {};
	__u32 checksum, change;
	__be16 present = 0;
	__u64 flags = 0;

	if (!packet || !from || !to || !cross_can(packet) || packet->hop_limit <= hops ||
	    cross_read(skb, ETHERNET_HEADER, packet->family, &header))
		return -1;
	header.hops -= (__u8)hops;
	checksum = checksum_offset(packet->protocol);
	if (packet->protocol == IPPROTO_UDP) {
		flags |= BPF_F_MARK_MANGLED_0;
		if (bpf_skb_load_bytes(skb, packet->transport_offset + checksum, &present, sizeof(present)) ||
		    !present)
			return -1;
	}
	/* A packet above 64 KiB has no length; those cannot say so in the other family's header. */
	if (header.length == 0 || header.length + sizeof(struct ipv4_header) > 0xffff ||
	    cross_family(skb, to->family))
		return -1;
	if (to->family == 4) {
		struct ipv4_header ip;

		cross_header4(&ip, &header, &to->source, &to->destination);
		if (bpf_skb_store_bytes(skb, ETHERNET_HEADER, &ip, sizeof(ip),
					BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
			return -1;
		checksum += ETHERNET_HEADER + sizeof(ip);
	} else {
		struct ipv6_header ip;

		cross_header6(&ip, &header, &to->source, &to->destination);
		if (bpf_skb_store_bytes(skb, ETHERNET_HEADER, &ip, sizeof(ip),
					BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
			return -1;
		checksum += ETHERNET_HEADER + sizeof(ip);
	}
	/* Pseudo headers of both families add up alike, but for the addresses. */
	change = cross_change(from, to);
	if (bpf_l4_csum_replace(skb, checksum, 0, change, flags | BPF_F_PSEUDO_HDR))
		return -1;
	before = (struct port_pair){from->source_port, from->destination_port};
	after = (struct port_pair){to->source_port, to->destination_port};
	change = checksum_change((__be32 *)&before, (__be32 *)&after, 1);
	if (bpf_l4_csum_replace(skb, checksum, 0, change, flags))
		return -1;
	return (int)bpf_skb_store_bytes(skb, checksum - checksum_offset(packet->protocol), &after,
					sizeof(after), 0);
}

/* Type, code and MTU of an ICMP error in the other family (RFC 7915, sections 4.2 and 5.2). False: there is no such error. */
static __always_inline bool cross_error_head4(const struct packet *packet, __u32 mtu, struct icmp_head *head)
{
	switch (packet->icmp_type) {
	case 1: /* unreachable */
		head->type = ICMP4_UNREACHABLE;
		head->code = packet->icmp_code == ICMP6_PORT	     ? ICMP4_PORT
			     : packet->icmp_code == ICMP6_PROHIBITED ? 10
								     : 1;
		return true;
	case 2: /* too big */
		head->type = ICMP4_UNREACHABLE;
		head->code = ICMP4_FRAG_NEEDED;
		mtu -= mtu > CROSS_DIFFERENCE ? CROSS_DIFFERENCE : 0;
		head->sequence = bpf_htons((__u16)(mtu > 0xffff ? 0xffff : mtu));
		return true;
	case 3: /* time exceeded */
		head->type = ICMP4_TIME_EXCEEDED;
		head->code = packet->icmp_code;
		return true;
	case 4: /* parameter problem: of the next header */
		head->type = ICMP4_UNREACHABLE;
		head->code = 2;
		return packet->icmp_code == 1;
	}
	return false;
}

static __always_inline bool cross_error_head6(const struct packet *packet, __u32 mtu, struct icmp_head *head)
{
	if (packet->icmp_type == ICMP4_TIME_EXCEEDED) {
		head->type = 3;
		head->code = packet->icmp_code;
		return true;
	}
	if (packet->icmp_type != ICMP4_UNREACHABLE)
		return false;
	head->type = 1;
	switch (packet->icmp_code) {
	case 2: /* protocol */
		head->type = 4;
		head->code = 1;
		head->sequence = bpf_htons(6); /* where the next header is */
		return true;
	case ICMP4_PORT:
		head->code = ICMP6_PORT;
		return true;
	case ICMP4_FRAG_NEEDED:
		head->type = 2;
		/* Old routers say nothing of their MTU. */
		mtu = mtu < 1280 - CROSS_DIFFERENCE ? 1280 : mtu + CROSS_DIFFERENCE;
		head->sequence = bpf_htons((__u16)(mtu > 0xffff ? 0xffff : mtu));
		return true;
	case 9:
	case 10:
	case ICMP4_PROHIBITED:
	case 15:
		head->code = ICMP6_PROHIBITED;
		return true;
	case 14:
		return false;
	default: /* no route */
		return true;
	}
}

/* The quoted packet's transport header behind `at` bytes of the error, with the ports and the checksum that its sender gave it. */
static __always_inline void cross_quote_transport(struct answer_state *state, __u32 at, __u32 size,
						  __u8 protocol, const struct nat_tuple *seen,
						  const struct nat_tuple *sent)
{
	struct port_pair before = {seen->source_port, seen->destination_port};
	struct port_pair after = {sent->source_port, sent->destination_port};
	__u32 offset = checksum_offset(protocol), change, ports;
	__be16 checksum;

	change = cross_change(seen, sent);
	ports = checksum_change((__be32 *)&before, (__be32 *)&after, 1);
	change += ports;
	change += change < ports;
	__builtin_memcpy(state->bytes + at, &after, sizeof(after));
	if (offset + sizeof(checksum) > size)
		return;
	__builtin_memcpy(&checksum, state->bytes + at + offset, sizeof(checksum));
	if (protocol == IPPROTO_UDP && !checksum)
		return;
	checksum = checksum_changed(checksum, change);
	if (protocol == IPPROTO_UDP && !checksum)
		checksum = 0xffff;
	__builtin_memcpy(state->bytes + at + offset, &checksum, sizeof(checksum));
}

/* Reads `size` bytes of the quoted packet from its transport header on, as answer_quote() does. Gives how many, 0: failed. */
static __always_inline __u32 cross_quote(struct __sk_buff *skb, const struct packet *inner,
					 struct answer_state *state, __u32 at)
{
	__u32 size = inner->end - inner->transport_offset, last;

	if (size > CROSS_QUOTE)
		size = CROSS_QUOTE;
	last = size - 1;
	asm volatile("" : "+r"(last));
	if (inner->transport_offset > MAX_OFFSET || last >= CROSS_QUOTE)
		return 0;
	asm volatile("" : "+r"(last));
	size = last + 1;
	if (size < 8 || bpf_skb_load_bytes(skb, inner->transport_offset, state->bytes + at, size))
		return 0;
#pragma unroll
	for (__u32 i = 0; i < 3; i++)
		state->bytes[at + size + i] = 0;
	return size;
}

/*
 * Makes of an ICMP error, after nat_quoted() with a connection of two families, the error of the other family: it comes from what
 * stands for the quoted packet's receiver, and quotes what was sent. In `state`; gives its size from the IP header, 0: it has no
 * counterpart.
 */
__noinline int cross_error(struct __sk_buff *skb, const struct packet *packet, struct nat_work *work)
{
	const __u32 ip4 = sizeof(struct ipv4_header), ip6 = sizeof(struct ipv6_header),
		    icmp = sizeof(struct icmp_head);
	struct cross_header quoted = {}, own = {.hops = 64};
	struct icmp_head seen = {}, head = {};
	struct answer_state *state;
	__u32 first = 0, size, mtu;

	if (!packet || !work)
		return 0;
	state = bpf_map_lookup_elem(&answer_state, &first);
	if (!state || work->quoted.packet.protocol == IPPROTO_SCTP ||
	    work->quoted.packet.fragment != FRAGMENT_NONE ||
	    bpf_skb_load_bytes(skb, packet->transport_offset, &seen, sizeof(seen)) ||
	    cross_read(skb, work->quoted.packet.network_offset, packet->family, &quoted))
		return 0;
	mtu = bpf_ntohs(seen.sequence);
	if (packet->family == 6)
		mtu |= (__u32)bpf_ntohs(seen.id) << 16;
	quoted.protocol = work->quoted.packet.protocol;
	work->back = nat_turned(&work->hit.to);
	if (packet->family == 6) {
		const __u32 at = ip4 + icmp + ip4;

		if (!cross_error_head4(packet, mtu, &head))
			return 0;
		size = cross_quote(skb, &work->quoted.packet, state, at);
		if (!size)
			return 0;
		cross_quote_transport(state, at, size, quoted.protocol, &work->quoted.tuple, &work->back);
		cross_header4((void *)(state->bytes + ip4 + icmp), &quoted, &work->back.source,
			      &work->back.destination);
		__builtin_memcpy(state->bytes + ip4, &head, sizeof(head));
		head.checksum = sum_fold(sum_bytes(state->bytes + ip4, (icmp + ip4 + size + 3) & ~3U,
						   icmp + ip4 + CROSS_QUOTE + 4, 0));
		__builtin_memcpy(state->bytes + ip4, &head, sizeof(head));
		own.length = icmp + ip4 + size;
		own.protocol = IPPROTO_ICMP;
		cross_header4((void *)state->bytes, &own, &work->hit.to.source, &work->hit.to.destination);
		return (int)(ip4 + own.length);
	} else {
		const __u32 at = ip6 + icmp + ip6;
		__u32 sum;

		if (!cross_error_head6(packet, mtu, &head))
			return 0;
		size = cross_quote(skb, &work->quoted.packet, state, at);
		if (!size)
			return 0;
		cross_quote_transport(state, at, size, quoted.protocol, &work->quoted.tuple, &work->back);
		cross_header6((void *)(state->bytes + ip6 + icmp), &quoted, &work->back.source,
			      &work->back.destination);
		__builtin_memcpy(state->bytes + ip6, &head, sizeof(head));
		own.length = icmp + ip6 + size;
		own.protocol = IPPROTO_ICMPV6;
		cross_header6((void *)state->bytes, &own, &work->hit.to.source, &work->hit.to.destination);
		sum = sum_pseudo(state->v6.ip.source, 32, own.length, IPPROTO_ICMPV6, 0);
		sum = sum_bytes(state->bytes + ip6, (icmp + ip6 + size + 3) & ~3U,
				icmp + ip6 + CROSS_QUOTE + 4, sum);
		head.checksum = sum_fold(sum);
		__builtin_memcpy(state->bytes + ip6, &head, sizeof(head));
		return (int)(ip6 + own.length);
	}
}

#endif /* POLICYC_RUNTIME_NAT_CROSS_H */
