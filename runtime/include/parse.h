/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A frame to struct packet: Ethernet, up to two VLAN tags, IPv4 with options, IPv6 with a bounded chain of extension
 * headers, TCP, UDP, SCTP, ICMP. Every function returns a policyc_drop_reason; what is not understood is a reason too.
 *
 * `inner` (always a constant) marks the head of a packet quoted in an ICMP error: it is cut off, often after 8 bytes of
 * transport header, and its total length speaks of bytes that are not there.
 *
 * What an ordinary packet of an established connection needs is inlined, the rest are global functions, which the verifier
 * checks once instead of on every path to them.
 */
#ifndef POLICYC_RUNTIME_PARSE_H
#define POLICYC_RUNTIME_PARSE_H

#include <linux/in.h>
#include <linux/in6.h>

#include "runtime/include/packet.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_QINQ 0x88a8

#define ETHERNET_HEADER 14
#define VLAN_TAG	4
#define MAX_VLAN_TAGS	2

#define IPV4_PLAIN	    0x45 /* version and length of a header without options */
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK    0x1fff
#define IPV4_OPTION_END	    0
#define IPV4_OPTION_NOP	    1
#define IPV4_OPTION_LSRR    131
#define IPV4_OPTION_SSRR    137
#define MAX_IPV4_OPTIONS    40 /* bytes; an option has one at least */

#define MAX_EXTENSION_HEADERS 6
#define NEXTHDR_HOP_BY_HOP    0
#define NEXTHDR_ROUTING	      43
#define NEXTHDR_FRAGMENT      44
#define NEXTHDR_AUTH	      51
#define NEXTHDR_DESTINATION   60

#define ICMP4_ECHO_REPLY	0
#define ICMP4_UNREACHABLE	3
#define ICMP4_FRAG_NEEDED	4 /* code of the above */
#define ICMP4_ECHO_REQUEST	8
#define ICMP4_TIME_EXCEEDED	11
#define ICMP4_PARAMETER		12
#define ICMP6_FIRST_ERROR	1 /* unreachable, packet too big, time exceeded, parameter problem */
#define ICMP6_LAST_ERROR	4
#define ICMP6_ECHO_REQUEST	128
#define ICMP6_ECHO_REPLY	129
#define ICMP6_ROUTER_SOLICIT	133
#define ICMP6_ROUTER_ADVERT	134
#define ICMP6_NEIGHBOUR_SOLICIT 135
#define ICMP6_NEIGHBOUR_ADVERT	136
#define ICMP6_REDIRECT		137

struct ipv4_header {
	__u8 version_length;
	__u8 tos;
	__be16 total_length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

struct ipv6_header {
	__be32 version_class_flow;
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__be32 source[4];
	__be32 destination[4];
};

/* The first 8 bytes that every extension header has. */
struct extension_header {
	__u8 next_header;
	__u8 length;	 /* units and bias depend on the kind */
	__be16 fragment; /* fragment header: offset, reserved, more; routing header: type, segments left */
	__be32 fragment_id;
};

struct tcp_head {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledgement;
	__u8 data_offset;
	__u8 flags;
	__be16 window;
};
#define TCP_HEADER  20
#define UDP_HEADER  8
#define SCTP_HEADER 12

struct icmp_head {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id;
	__be16 sequence;
};

/* Gives the ethertype (host order) behind the tags and sets packet->network_offset. */
static __always_inline int parse_ethernet(frame *context, struct packet *packet, __u16 *ethertype)
{
	__u32 offset = ETHERNET_HEADER;
	__be16 type[2] = {};

	if (packet_read(context, offset - 2, &type[0], sizeof(type[0])))
		return DROP_TRUNCATED;
	*ethertype = bpf_ntohs(type[0]);
#pragma unroll
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		if (*ethertype != ETHERTYPE_VLAN && *ethertype != ETHERTYPE_QINQ)
			break;
		if (packet_read(context, offset, type, sizeof(type)))
			return DROP_TRUNCATED;
		*ethertype = bpf_ntohs(type[1]);
		offset += VLAN_TAG;
	}
	packet->network_offset = offset;
	return DROP_NONE;
}

/* RFC 4861, sections 6.1, 7.1 and 8.1: no shorter message is valid. */
static __always_inline __u32 neighbour_size(__u8 type)
{
	switch (type) {
	case ICMP6_ROUTER_ADVERT:
		return 16;
	case ICMP6_NEIGHBOUR_SOLICIT:
	case ICMP6_NEIGHBOUR_ADVERT:
		return 24;
	case ICMP6_REDIRECT:
		return 40;
	default:
		return sizeof(struct icmp_head);
	}
}

static __always_inline int parse_icmp(frame *context, struct packet *packet)
{
	struct icmp_head icmp = {};

	if (packet->transport_offset + sizeof(icmp) > packet->end ||
	    packet_read(context, packet->transport_offset, &icmp, sizeof(icmp)))
		return DROP_TRUNCATED;
	packet->icmp_type = icmp.type;
	packet->icmp_code = icmp.code;
	packet->echo_id = icmp.id;
	packet->destination_port = bpf_htons(icmp.type);
	packet->kind = PACKET_ICMP_OTHER;
	if (packet->protocol == IPPROTO_ICMP) {
		switch (icmp.type) {
		case ICMP4_ECHO_REQUEST:
			packet->kind = PACKET_ECHO_REQUEST;
			break;
		case ICMP4_ECHO_REPLY:
			packet->kind = PACKET_ECHO_REPLY;
			break;
		case ICMP4_UNREACHABLE:
		case ICMP4_TIME_EXCEEDED:
		case ICMP4_PARAMETER:
			packet->kind = PACKET_ICMP_ERROR;
			break;
		}
		return DROP_NONE;
	}
	if (icmp.type >= ICMP6_FIRST_ERROR && icmp.type <= ICMP6_LAST_ERROR) {
		packet->kind = PACKET_ICMP_ERROR;
	} else if (icmp.type == ICMP6_ECHO_REQUEST) {
		packet->kind = PACKET_ECHO_REQUEST;
	} else if (icmp.type == ICMP6_ECHO_REPLY) {
		packet->kind = PACKET_ECHO_REPLY;
	} else if (icmp.type >= ICMP6_ROUTER_SOLICIT && icmp.type <= ICMP6_REDIRECT) {
		/* RFC 4861: a hop limit below 255 means that it came through a router, so it is forged. */
		if (packet->hop_limit != 255 || icmp.code != 0)
			return DROP_MALFORMED;
		if (packet->transport_offset + neighbour_size(icmp.type) > packet->end)
			return DROP_TRUNCATED;
		packet->kind = PACKET_NEIGHBOUR;
	}
	return DROP_NONE;
}

static __always_inline int parse_ports(frame *context, struct packet *packet, bool inner)
{
	struct tcp_head head = {};
	__u32 size = UDP_HEADER;

	if (packet->protocol == IPPROTO_TCP && !inner) {
		if (packet->transport_offset + TCP_HEADER > packet->end ||
		    packet_read(context, packet->transport_offset, &head, sizeof(head)))
			return DROP_TRUNCATED;
		if (head.data_offset >> 4 < TCP_HEADER / 4)
			return DROP_MALFORMED;
		packet->tcp_flags = head.flags;
		size = (head.data_offset >> 4) * 4U;
	} else {
		if (packet->protocol == IPPROTO_SCTP && !inner)
			size = SCTP_HEADER;
		if (packet->transport_offset + size > packet->end ||
		    packet_read(context, packet->transport_offset, &head, 4))
			return DROP_TRUNCATED;
	}
	packet->source_port = head.source;
	packet->destination_port = head.destination;
	packet->transport_header = (__u16)size;
	packet->kind = PACKET_FLOW;
	return DROP_NONE;
}

static __always_inline int parse_transport(frame *context, struct packet *packet, bool inner)
{
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		if (packet->fragment == FRAGMENT_LATER) {
			/* The first fragment held 24 bytes of TCP at least; one that writes over them is an attack. */
			if (packet->protocol == IPPROTO_TCP && packet->fragment_offset < TCP_HEADER)
				return DROP_MALFORMED;
			packet->kind = PACKET_FLOW;
			return DROP_NONE;
		}
		return parse_ports(context, packet, inner);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if ((packet->protocol == IPPROTO_ICMP) != (packet->family == 4))
			return DROP_UNKNOWN_PROTOCOL;
		if (packet->fragment != FRAGMENT_NONE)
			return DROP_FRAGMENTED_ICMP;
		return parse_icmp(context, packet);
	default:
		packet->kind = PACKET_OTHER_PROTOCOL;
		return DROP_NONE;
	}
}

/*
 * Sets packet->end from the IP header's length; a packet above 64 KiB (GSO) has 0 there. A quoted packet comes with the end
 * of the packet that quotes it: what lies behind that is padding.
 */
static __always_inline int parse_length(frame *context, struct packet *packet, __u32 length, bool inner)
{
	__u32 available = (inner ? packet->end : frame_length(context)) - packet->network_offset;

	if (length > available || length == 0) {
		if (!inner && (length != 0 || frame_segments(context) == 0))
			return length == 0 ? DROP_MALFORMED : DROP_TRUNCATED;
		length = available;
	}
	packet->end = packet->network_offset + length;
	return DROP_NONE;
}

#ifndef POLICYC_XDP
/*
 * The options of an IPv4 header that ends at packet->transport_offset. With a source route (RFC 791) the address in the
 * header is not where the packet goes; behind a broken option one could hide.
 */
__noinline int check_ipv4_options(frame *context, const struct packet *packet)
{
	__u32 at, end;
	__u8 kind = 0, length = 0;

	if (!packet || packet->network_offset > MAX_OFFSET)
		return DROP_MISSING_STATE;
	at = packet->network_offset + sizeof(struct ipv4_header);
	end = packet->transport_offset;
	for (int i = 0; i < MAX_IPV4_OPTIONS && at < end; i++) {
		if (bpf_skb_load_bytes(context, at, &kind, sizeof(kind)))
			return DROP_TRUNCATED;
		if (kind == IPV4_OPTION_END)
			break;
		if (kind == IPV4_OPTION_NOP) {
			at++;
			continue;
		}
		if (kind == IPV4_OPTION_LSRR || kind == IPV4_OPTION_SSRR || at + 1 >= end ||
		    bpf_skb_load_bytes(context, at + 1, &length, sizeof(length)))
			return DROP_MALFORMED;
		if (length < 2 || at + length > end)
			return DROP_MALFORMED;
		at += length;
	}
	return DROP_NONE;
}
#endif

static __always_inline int parse_ipv4(frame *context, struct packet *packet, bool inner)
{
	struct ipv4_header ip = {};
	__u32 header, fragment;
	int reason;

	if (packet_read(context, packet->network_offset, &ip, sizeof(ip)))
		return DROP_TRUNCATED;
	header = (ip.version_length & 0xfU) * 4;
#ifdef POLICYC_XDP /* leaves packets with options to the tc programs, which look at them */
	if (ip.version_length != IPV4_PLAIN)
		return DROP_MALFORMED;
#endif
	if (ip.version_length != IPV4_PLAIN && (ip.version_length >> 4 != 4 || header < sizeof(ip)))
		return DROP_MALFORMED;
	packet->family = 4;
	packet->protocol = ip.protocol;
	packet->hop_limit = ip.ttl;
	packet->source.words[0] = ip.source;
	packet->destination.words[0] = ip.destination;
	reason = parse_length(context, packet, bpf_ntohs(ip.total_length), inner);
	if (reason)
		return reason;
	packet->transport_offset = packet->network_offset + header;
	if (packet->transport_offset > packet->end)
		return DROP_MALFORMED;
#ifndef POLICYC_XDP
	if (!inner && ip.version_length != IPV4_PLAIN) {
		reason = check_ipv4_options(context, packet);
		if (reason)
			return reason;
	}
#endif

	fragment = bpf_ntohs(ip.fragment);
	if (fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) {
		packet->fragment_id = ip.id;
		packet->fragment_offset = (__u16)((fragment & IPV4_OFFSET_MASK) * 8);
		packet->fragment = packet->fragment_offset ? FRAGMENT_LATER : FRAGMENT_FIRST;
	}
	return parse_transport(context, packet, inner);
}

static __always_inline bool is_extension(__u8 protocol)
{
	return protocol == NEXTHDR_HOP_BY_HOP || protocol == NEXTHDR_ROUTING ||
	       protocol == NEXTHDR_FRAGMENT || protocol == NEXTHDR_AUTH || protocol == NEXTHDR_DESTINATION;
}

static __always_inline int parse_fragment_header(struct packet *packet, const struct extension_header *header)
{
	__u32 fragment = bpf_ntohs(header->fragment);

	if (packet->fragment != FRAGMENT_NONE)
		return DROP_MALFORMED;
	packet->fragment_id = header->fragment_id;
	packet->fragment_offset = (__u16)(fragment & 0xfff8U);
	if (packet->fragment_offset)
		packet->fragment = FRAGMENT_LATER;
	else if (fragment & 1)
		packet->fragment = FRAGMENT_FIRST;
	return DROP_NONE;
}

/*
 * Walks the chain that begins with packet->protocol at packet->transport_offset and moves both behind it. A later
 * fragment ends the walk: what follows is payload, and its fragment header names the protocol.
 */
__noinline int parse_extensions(frame *context, struct packet *packet)
{
	struct extension_header extension = {};
	__u32 size;

	if (!packet)
		return DROP_MISSING_STATE;
	for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
		if (packet->transport_offset + sizeof(extension) > packet->end ||
		    packet_read(context, packet->transport_offset, &extension, sizeof(extension)))
			return DROP_TRUNCATED;
		size = (extension.length + 1U) * 8;
		if (packet->protocol == NEXTHDR_AUTH) {
			size = (extension.length + 2U) * 4;
		} else if (packet->protocol == NEXTHDR_ROUTING) {
			/* With segments left, the address in the header is not where the packet goes. */
			if (bpf_ntohs(extension.fragment) & 0xff)
				return DROP_MALFORMED;
		} else if (packet->protocol == NEXTHDR_FRAGMENT) {
			size = sizeof(extension);
			if (parse_fragment_header(packet, &extension))
				return DROP_MALFORMED;
		}
		packet->protocol = extension.next_header;
		packet->transport_offset += size;
		if (packet->transport_offset > packet->end)
			return DROP_TRUNCATED;
		if (packet->fragment == FRAGMENT_LATER || !is_extension(packet->protocol))
			return DROP_NONE;
		/* Behind more headers a later fragment could write over the ports; TCP's offset alone does not show that. */
		if (packet->fragment == FRAGMENT_FIRST)
			return DROP_MALFORMED;
	}
	return DROP_TOO_MANY_EXTENSION_HEADERS;
}

static __always_inline int parse_ipv6(frame *context, struct packet *packet, bool inner)
{
	struct ipv6_header ip = {};
	__u32 length;
	int reason;

	if (packet_read(context, packet->network_offset, &ip, sizeof(ip)))
		return DROP_TRUNCATED;
	if ((bpf_ntohl(ip.version_class_flow) >> 28) != 6)
		return DROP_MALFORMED;
	packet->family = 6;
	packet->protocol = ip.next_header;
	packet->hop_limit = ip.hop_limit;
	__builtin_memcpy(&packet->source, ip.source, sizeof(ip.source));
	__builtin_memcpy(&packet->destination, ip.destination, sizeof(ip.destination));
	length = bpf_ntohs(ip.payload_length);
	/* Zero is also what a packet with nothing behind its header says; then the frame ends there. */
	if (length || frame_length(context) == packet->network_offset + sizeof(ip))
		length += sizeof(ip);
	reason = parse_length(context, packet, length, inner);
	if (reason)
		return reason;
	packet->transport_offset = packet->network_offset + sizeof(ip);
	if (is_extension(packet->protocol)) {
		reason = parse_extensions(context, packet);
		if (reason)
			return reason;
	}
	return parse_transport(context, packet, inner);
}

/* Fragmentation needed passes always: hosts that never hear it send into a black hole. */
static __always_inline bool icmp_frag_needed(const struct packet *packet)
{
	return packet->protocol == IPPROTO_ICMP && packet->icmp_type == ICMP4_UNREACHABLE &&
	       packet->icmp_code == ICMP4_FRAG_NEEDED;
}

static __always_inline int parse_packet(frame *context, struct packet *packet)
{
	__u16 ethertype = 0;
	int reason = parse_ethernet(context, packet, &ethertype);

	if (reason)
		return reason;
	switch (ethertype) {
	case ETHERTYPE_IPV4:
		return parse_ipv4(context, packet, false);
	case ETHERTYPE_IPV6:
		return have_ipv6 ? parse_ipv6(context, packet, false) : DROP_UNKNOWN_ETHERTYPE;
	case ETHERTYPE_ARP:
		packet->kind = PACKET_ARP;
		return DROP_NONE;
	default:
		return DROP_UNKNOWN_ETHERTYPE;
	}
}

/* The packet quoted in an ICMP error: what of it can be read is in `inner`. */
__noinline int parse_quoted(frame *context, const struct packet *outer, struct packet *inner)
{
	if (!outer || !inner || outer->transport_offset > MAX_OFFSET)
		return DROP_MISSING_STATE;
	inner->network_offset = outer->transport_offset + sizeof(struct icmp_head);
	inner->end = outer->end;
	if (outer->family == 4)
		return parse_ipv4(context, inner, true);
	return have_ipv6 ? parse_ipv6(context, inner, true) : DROP_UNKNOWN_ETHERTYPE;
}

#ifndef POLICYC_XDP
/* The packet of the same family that an IP packet carries whole (IPIP, IP6IP6). */
__noinline int parse_wrapped(frame *context, const struct packet *outer, struct packet *inner)
{
	int reason;

	if (!outer || !inner || outer->transport_offset > MAX_OFFSET)
		return DROP_MISSING_STATE;
	inner->network_offset = outer->transport_offset;
	if (outer->family == 4)
		reason = parse_ipv4(context, inner, false);
	else
		reason = have_ipv6 ? parse_ipv6(context, inner, false) : DROP_UNKNOWN_ETHERTYPE;
	if (!reason && inner->end > outer->end)
		reason = DROP_TRUNCATED;
	return reason;
}
#endif

#endif /* POLICYC_RUNTIME_PARSE_H */
