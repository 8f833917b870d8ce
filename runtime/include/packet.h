/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the datapath knows of a packet, and how it reads its bytes. */
#ifndef POLICYC_RUNTIME_PACKET_H
#define POLICYC_RUNTIME_PACKET_H

#include "runtime/include/base.h"

/* What a program is given: XDP runs before there is an skb. */
#ifdef POLICYC_XDP
typedef struct xdp_md frame;
#else
typedef struct __sk_buff frame;
#endif

/* The index of the interface that it came in by or leaves by. */
static __always_inline __u32 frame_interface(const frame *context)
{
#ifdef POLICYC_XDP
	return context->ingress_ifindex;
#else
	return context->ifindex;
#endif
}

static __always_inline __u32 frame_length(const frame *context)
{
#ifdef POLICYC_XDP
	return context->data_end - context->data;
#else
	return context->len;
#endif
}

/* Segments of a train (GSO); 0: it is none. */
static __always_inline __u32 frame_segments(const frame *context)
{
#ifdef POLICYC_XDP
	(void)context;
	return 0;
#else
	return context->gso_segs;
#endif
}

/* How a packet is treated; set by the parser. */
enum packet_kind {
	PACKET_FLOW,	     /* TCP, UDP, SCTP: has ports */
	PACKET_ECHO_REQUEST, /* ICMP echo, tracked by its identifier */
	PACKET_ECHO_REPLY,
	PACKET_ICMP_ERROR,     /* carries the head of another packet */
	PACKET_ICMP_OTHER,     /* not tracked: the policy is asked each time */
	PACKET_NEIGHBOUR,      /* IPv6 neighbour discovery: passes without policy */
	PACKET_ARP,	       /* passes without policy */
	PACKET_OTHER_PROTOCOL, /* no ports, tracked by protocol and addresses */
};

enum packet_fragment { FRAGMENT_NONE, FRAGMENT_FIRST, FRAGMENT_LATER };

union address {
	__be32 words[4]; /* IPv4: the first, the others 0 */
	__u8 bytes[16];
};

/* Two ports, as they are next to each other in a packet. */
struct port_pair {
	__be16 source;
	__be16 destination;
} __attribute__((aligned(4)));

/* Offsets are from the start of the frame. Addresses and ports are as in the packet, source is who sent it. */
struct packet {
	union address source;
	union address destination;
	__be16 source_port;
	__be16 destination_port;
	__be32 fragment_id;
	__u32 network_offset;
	__u32 transport_offset;
	__u32 end;   /* of the IP packet; less than the frame when that is padded */
	__u8 family; /* 4, 6, 0: did not parse */
	__u8 protocol;
	__u8 kind;     /* packet_kind */
	__u8 fragment; /* packet_fragment */
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 hop_limit;
	union {
		__be16 echo_id;		/* ICMP */
		__u16 transport_header; /* TCP, UDP, SCTP: bytes */
	};
	__u16 fragment_offset; /* bytes */
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* No header begins behind this: 6 extension headers of 2 KiB, twice. */
#define MAX_OFFSET 0x7fffU

/*
 * Copies `size` bytes (a constant) at `offset` to `to`, which is aligned to 4. Headers are nearly always linear, then
 * this is a bounds check and a few loads; bpf_skb_load_bytes (6 ns) reads the rest without touching the packet.
 * Not zero: the packet ends before.
 */
static __always_inline int packet_read(frame *context, __u32 offset, void *to, __u32 size)
{
	void *data = (void *)(long)context->data;
	void *data_end = (void *)(long)context->data_end;

	if (offset <= MAX_OFFSET && data + offset + size <= data_end) {
		/* Not really aligned in memory; tells clang to use words, which the verifier allows for packets. */
		__builtin_memcpy(to, __builtin_assume_aligned(data + offset, 4), size);
		return 0;
	}
#ifdef POLICYC_XDP
	return -1;
#else
	return (int)bpf_skb_load_bytes(context, offset, to, size);
#endif
}

static __always_inline int address_equal6(const union address *a, const __u8 *bytes)
{
	const __u32 *words = (const __u32 *)bytes;

	return a->words[0] == words[0] && a->words[1] == words[1] && a->words[2] == words[2] &&
	       a->words[3] == words[3];
}

static __always_inline __u32 packet_bytes(const struct __sk_buff *skb, const struct packet *packet)
{
	return skb->len - packet->network_offset;
}

static __always_inline bool is_tracked(const struct packet *packet)
{
	return packet->kind == PACKET_FLOW || packet->kind == PACKET_ECHO_REQUEST ||
	       packet->kind == PACKET_ECHO_REPLY || packet->kind == PACKET_OTHER_PROTOCOL;
}

/*
 * An echo reply must not make an entry: its key would be that of a request of ours, which would then pass as a reply.
 * A reset has nothing to come after it.
 */
static __always_inline bool makes_entry(const struct packet *packet)
{
	return (packet->kind == PACKET_FLOW && !(packet->tcp_flags & TCP_RST)) ||
	       packet->kind == PACKET_ECHO_REQUEST || packet->kind == PACKET_OTHER_PROTOCOL;
}

#endif /* POLICYC_RUNTIME_PACKET_H */
