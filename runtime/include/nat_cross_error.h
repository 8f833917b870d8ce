/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Makes ICMP errors about translated packets errors of the other IP family (RFC 7915, sections 4.2, 4.3, 5.2 and 5.3). */
#ifndef POLICYC_RUNTIME_NAT_CROSS_ERROR_H
#define POLICYC_RUNTIME_NAT_CROSS_ERROR_H

#include "runtime/include/nat_cross.h"
#include "runtime/include/nat_error.h"

#define CROSS_QUOTE 512 /* bytes of a quoted packet behind its IP header that an error keeps */

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

#endif /* POLICYC_RUNTIME_NAT_CROSS_ERROR_H */
