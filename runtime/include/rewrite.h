/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gives one end of a packet another address and port, in the packet and in what is known of it, with its checksums. SCTP keeps
 * its ports: its checksum covers them and is not a sum. Of a later fragment only the address is there.
 */
#ifndef POLICYC_RUNTIME_REWRITE_H
#define POLICYC_RUNTIME_REWRITE_H

#include "runtime/include/parse.h"

#define PORTS 4 /* bytes; TCP, UDP and SCTP begin with them */

enum end { END_SOURCE, END_DESTINATION };

#define TCP_CHECKSUM_OFFSET	16
#define UDP_CHECKSUM_OFFSET	6
#define IPV4_CHECKSUM_OFFSET	10
#define IPV4_SOURCE_OFFSET	12
#define IPV4_DESTINATION_OFFSET 16
#define IPV6_SOURCE_OFFSET	8
#define IPV6_DESTINATION_OFFSET 24

/* Where the checksum of the transport header is; 0: it has none that knows of addresses and ports. */
static __always_inline __u32 transport_checksum(const struct packet *packet)
{
	if (packet->kind != PACKET_FLOW || packet->fragment == FRAGMENT_LATER)
		return 0;
	if (packet->protocol == IPPROTO_TCP)
		return packet->transport_offset + TCP_CHECKSUM_OFFSET;
	if (packet->protocol == IPPROTO_UDP)
		return packet->transport_offset + UDP_CHECKSUM_OFFSET;
	return 0;
}

/* A pointer to `size` bytes (a constant) that may be written; null: they are not in the packet's head. */
static __always_inline void *packet_at(struct __sk_buff *skb, __u32 offset, __u32 size)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;

	if (offset > MAX_OFFSET || data + offset + size > end)
		return NULL;
	return data + offset;
}

static __always_inline void sum_replace(__be16 *sum, __be32 from, __be32 to)
{
	/* RFC 1624: ~(~sum + ~from + to), in 16-bit words. */
	__u32 value = (__u16) ~*sum;

	value += (__u16)~from + (__u16)(~from >> 16) + (__u16)to + (to >> 16);
	value = (value & 0xffff) + (value >> 16);
	value = (value & 0xffff) + (value >> 16);
	*sum = (__be16)~value;
}

static __always_inline int rewrite_address4(struct __sk_buff *skb, const struct packet *packet, enum end end,
					    __be32 from, __be32 to)
{
	__u8 *ip = packet_at(skb, packet->network_offset, sizeof(struct ipv4_header));

	if (!ip)
		return DROP_TRUNCATED;
	sum_replace((__be16 *)(ip + IPV4_CHECKSUM_OFFSET), from, to);
	*(__be32 *)(ip + (end == END_SOURCE ? IPV4_SOURCE_OFFSET : IPV4_DESTINATION_OFFSET)) = to;
	return DROP_NONE;
}

static __always_inline int rewrite_address6(struct __sk_buff *skb, const struct packet *packet, enum end end,
					    const union address *to)
{
	__u8 *ip = packet_at(skb, packet->network_offset, sizeof(struct ipv6_header));

	if (!ip)
		return DROP_TRUNCATED;
	__builtin_memcpy(ip + (end == END_SOURCE ? IPV6_SOURCE_OFFSET : IPV6_DESTINATION_OFFSET), to, 16);
	return DROP_NONE;
}

/*
 * `end` is enum end. DROP_NONE, or why it cannot be. A checksum that the device is to fill in covers only the addresses yet,
 * which the kernel's helpers know.
 */
__noinline int rewrite_end(struct __sk_buff *skb, struct packet *packet, const union address *address,
			   __u32 port_and_end)
{
	__be16 port = (__be16)port_and_end;
	enum end end = port_and_end >> 16;
	union address *known;
	__be16 *known_port;
	__u32 at, flags = 0;
	__s64 difference;
	void *ports;
	int reason;

	if (!packet || !address)
		return DROP_MISSING_STATE;
	known = end == END_SOURCE ? &packet->source : &packet->destination;
	known_port = end == END_SOURCE ? &packet->source_port : &packet->destination_port;
	if (packet->protocol == IPPROTO_SCTP && *known_port != port)
		return DROP_NAT_UNSUPPORTED;
	/* Headers behind the linear part are rare: bring them there. Nothing but a header's end is asked for. */
	if (!packet_at(skb, packet->transport_offset, PORTS))
		bpf_skb_pull_data(skb, packet->transport_offset + PORTS);
	at = transport_checksum(packet);
	if (packet->protocol == IPPROTO_UDP)
		flags = BPF_F_MARK_MANGLED_0;
	if (at) {
		if (!have_ipv6 || packet->family == 4)
			difference = bpf_csum_diff((__be32 *)known, 4, (__be32 *)address, 4, 0);
		else
			difference = bpf_csum_diff((__be32 *)known, 16, (__be32 *)address, 16, 0);
		if (bpf_l4_csum_replace(skb, at, 0, (__u64)difference, flags | BPF_F_PSEUDO_HDR))
			return DROP_TRUNCATED;
		if (*known_port != port && bpf_l4_csum_replace(skb, at, *known_port, port, flags | 2))
			return DROP_TRUNCATED;
	}
	if (!have_ipv6 || packet->family == 4)
		reason = rewrite_address4(skb, packet, end, known->words[0], address->words[0]);
	else
		reason = rewrite_address6(skb, packet, end, address);
	if (reason)
		return reason;
	if (packet->kind == PACKET_FLOW && packet->fragment != FRAGMENT_LATER) {
		ports = packet_at(skb, packet->transport_offset, PORTS);
		if (!ports)
			return DROP_TRUNCATED;
		if (end == END_SOURCE)
			((__be16 *)ports)[0] = port;
		else
			((__be16 *)ports)[1] = port;
	}
	*known = *address;
	*known_port = port;
	return DROP_NONE;
}
#define REWRITE(end, port) ((__u32)(end) << 16 | (__u32)(port))

#endif /* POLICYC_RUNTIME_REWRITE_H */
