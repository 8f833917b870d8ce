/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers to packets that the policy denies: an ICMP error, or a reset for TCP, instead of silence. The denied packet itself
 * becomes the answer and leaves by the interface that it was on, the other way round, so whoever sent it gets it: the
 * endpoint, or through the host's stack the peer.
 *
 * An answer thus meets the other program of the endpoint, which must neither ask about it nor drop it. It is told by
 * POLICYC_ANSWER_MARK, and that mark opens nothing else: the packet must be a reset or just that ICMP error, must parse, and
 * from the endpoint must come from its own address; it is spared the policy, not the checks before. An endpoint cannot set
 * the mark, because a packet loses its mark when it leaves a network namespace. Before the packet goes on the mark becomes
 * POLICYC_ANSWERED_MARK, which tells to_device alone that it is no connection of the endpoint's own.
 *
 * What is never answered: RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e), RFC 9293 section 3.5.2.
 */
#ifndef POLICYC_RUNTIME_ANSWER_H
#define POLICYC_RUNTIME_ANSWER_H

#include "runtime/include/endpoint.h"
#include "runtime/include/policy.h"
#include "runtime/include/service.h"

/* Codes of "unreachable": communication administratively prohibited, and port (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1). */
#define ICMP4_PROHIBITED 13
#define ICMP6_PROHIBITED 1
#define ICMP4_PORT	 3
#define ICMP6_PORT	 4

/* An ICMP error quotes the denied packet as far as it fits in what every path carries (RFC 1812 4.3.2.3, RFC 4443 2.4 c). */
#define ANSWER_MAX4 576U
#define ANSWER_MAX6 1280U

/* For each CPU: so many answers a second, and so many at once. */
#define NANOSECONDS_PER_SECOND 1000000000ULL
#define ANSWERS_PER_SECOND     1000ULL
#define ANSWERS_AT_ONCE	       100ULL
#define ANSWER_INTERVAL	       (NANOSECONDS_PER_SECOND / ANSWERS_PER_SECOND)

/* Source and destination of a frame, as 16-bit words. */
#define ETHERNET_ADDRESSES 12
#define ETHERNET_GROUP	   bpf_htons(0x0100)

struct tcp_header {
	struct tcp_head head;
	__be16 checksum;
	__be16 urgent;
};

/* Of what is behind the addresses in a pseudo header; IPv4's sums up to the same. */
struct pseudo_rest {
	__be32 length;
	__be32 protocol;
};

struct answer4 {
	struct ipv4_header ip;
	union {
		struct icmp_head icmp;
		struct tcp_header tcp;
	};
};

struct answer6 {
	struct ipv6_header ip;
	union {
		struct icmp_head icmp;
		struct tcp_header tcp;
	};
};

/* "answer_state": per-CPU array of one; the bucket, and the answer from its IP header while it is made. */
struct answer_state {
	__u64 full_ns; /* when the bucket is full again; each answer takes ANSWER_INTERVAL out of it */
	union {
		__u8 bytes[ANSWER_MAX6 + 4]; /* room to fill the last word */
		struct answer4 v4;
		struct answer6 v6;
	};
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer_state);
} answer_state SEC(".maps");

static __always_inline bool policy_denies(__u32 reason)
{
	return reason == DROP_POLICY_DEFAULT_DENY || reason == DROP_POLICY_DENY;
}

/* bpf_csum_diff takes 512 bytes in all on kernels before 6.13. */
#define SUM_CHUNK 512U

/* The sum of `size` bytes, a multiple of four; `limit`, a constant, is what it is at most. */
static __always_inline __u32 sum_bytes(const __u8 *bytes, __u32 size, __u32 limit, __u32 sum)
{
	__u32 part;

#pragma unroll
	for (__u32 done = 0; done < ANSWER_MAX6; done += SUM_CHUNK) {
		if (done >= limit || done >= size)
			break;
		part = size - done;
		if (part > SUM_CHUNK)
			part = SUM_CHUNK;
		if (part > limit - done)
			part = limit - done;
		sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)(bytes + done), part, sum);
	}
	return sum;
}

static __always_inline __be16 sum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16)~sum;
}

/* The sum of a pseudo header; `length` is that of what is behind the IP header. */
static __always_inline __u32 sum_pseudo(const void *addresses, __u32 size, __u32 length, __u8 protocol,
					__u32 sum)
{
	struct pseudo_rest rest = {.length = bpf_htonl(length), .protocol = bpf_htonl(protocol)};

	sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)&rest, sizeof(rest), sum);
	return (__u32)bpf_csum_diff(NULL, 0, (__be32 *)addresses, size, sum);
}

/* Is it, by its source, from one host, and by its destination to one? */
static __always_inline bool answer_single_hosts(const struct packet *packet)
{
	const __be32 *from = packet->source.words, *to = packet->destination.words;

	if (packet->family == 4) {
		__u32 network = bpf_ntohl(*from) >> 24;

		/* 224 and above: multicast, class E, broadcast. */
		return network != 0 && network != 127 && network < 224 && bpf_ntohl(*to) >> 24 < 224;
	}
	if ((*from & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) ||
	    (*to & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000))
		return false;
	/* Neither :: nor ::1. */
	return (from[0] | from[1] | from[2] | (from[3] & ~bpf_htonl(1))) != 0;
}

/* Of ICMP only requests and replies are answered; errors, redirects and what is not known are not. */
static __always_inline bool answer_informational(const struct packet *packet)
{
	if (packet->protocol == IPPROTO_ICMPV6)
		return packet->icmp_type > 127; /* neighbour discovery is a kind of its own */
	/* 13 to 18: timestamp, information and mask requests and their replies. */
	return packet->icmp_type >= 13 && packet->icmp_type <= 18;
}

static __always_inline bool answer_due(const struct packet *packet, const struct endpoint_value *endpoint,
				       __u8 direction)
{
	if (packet->fragment == FRAGMENT_LATER || !answer_single_hosts(packet))
		return false;
	/* The answer's source; from_endpoint lets no other through. */
	if (direction == POLICYC_INGRESS &&
	    (packet->family == 4 ? packet->destination.words[0] != endpoint->ipv4
				 : !address_equal6(&packet->destination, endpoint->ipv6)))
		return false;
	switch (packet->kind) {
	case PACKET_FLOW:
		return !(packet->tcp_flags & TCP_RST);
	case PACKET_ECHO_REQUEST:
	case PACKET_ECHO_REPLY:
	case PACKET_OTHER_PROTOCOL:
		return true;
	case PACKET_ICMP_OTHER:
		return answer_informational(packet);
	default:
		return false;
	}
}

/* Takes one answer out of this CPU's bucket, if there is one. */
static __always_inline bool answer_take(struct answer_state *state)
{
	__u64 now = clock_ns();
	__u64 full = state->full_ns > now ? state->full_ns : now;

	if (full - now > (ANSWERS_AT_ONCE - 1) * ANSWER_INTERVAL)
		return false;
	state->full_ns = full + ANSWER_INTERVAL;
	return true;
}

static __always_inline void answer_ip4(struct ipv4_header *ip, const struct packet *packet, __u32 length,
				       __u8 protocol)
{
	*ip = (struct ipv4_header){
		.version_length = 0x45,
		/* As Linux and RFC 1812 4.3.2.5 have it: errors are internetwork control. */
		.tos = protocol == IPPROTO_ICMP ? 0xc0 : 0,
		.total_length = bpf_htons((__u16)length),
		.fragment = bpf_htons(0x4000), /* not to be fragmented, so it needs no identifier */
		.ttl = 64,
		.protocol = protocol,
		.source = packet->destination.words[0],
		.destination = packet->source.words[0],
	};
	ip->checksum = sum_fold((__u32)bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0));
}

static __always_inline void answer_ip6(struct ipv6_header *ip, const struct packet *packet, __u32 length,
				       __u8 protocol)
{
	ip->version_class_flow = bpf_htonl(0x60000000);
	ip->payload_length = bpf_htons((__u16)(length - sizeof(*ip)));
	ip->next_header = protocol;
	ip->hop_limit = 64;
	__builtin_memcpy(ip->source, &packet->destination, sizeof(ip->source));
	__builtin_memcpy(ip->destination, &packet->source, sizeof(ip->destination));
}

/* Reads the denied packet's head behind `header` bytes of the answer and fills up its last word. Gives the answer's size. */
static __always_inline __u32 answer_quote(struct __sk_buff *skb, const struct packet *packet,
					  struct answer_state *state, __u32 header, __u32 limit)
{
	__u32 size = packet->end - packet->network_offset;
	__u32 last;

	if (size > limit - header)
		size = limit - header;
	/* The bounds are those of `last`: a verifier before Linux 6.8 learns nothing from `size != 0`. */
	last = size - 1;
	asm volatile("" : "+r"(last));
	if (last >= limit - header)
		return 0;
	/* Kept in the register that was looked at: a copy on the stack from before has no bounds in Linux 6.1. */
	asm volatile("" : "+r"(last));
	size = last + 1;
	if (bpf_skb_load_bytes(skb, packet->network_offset, state->bytes + header, size))
		return 0;
#pragma unroll
	for (__u32 i = 0; i < 3; i++)
		state->bytes[header + size + i] = 0;
	return header + size;
}

/* Makes the ICMP error that begins with `head` and gives its size from the IP header, 0 if it cannot be. */
static __always_inline __u32 answer_error(struct __sk_buff *skb, const struct packet *packet,
					  struct answer_state *state, const struct icmp_head *head)
{
	const __u32 header4 = sizeof(struct ipv4_header) + sizeof(struct icmp_head);
	const __u32 header6 = sizeof(struct ipv6_header) + sizeof(struct icmp_head);
	__u32 length, sum;

	if (packet->family == 4) {
		length = answer_quote(skb, packet, state, header4, ANSWER_MAX4);
		if (!length)
			return 0;
		state->v4.icmp = *head;
		sum = sum_bytes(state->bytes + sizeof(struct ipv4_header),
				(length - sizeof(struct ipv4_header) + 3) & ~3U,
				ANSWER_MAX4 - sizeof(struct ipv4_header), 0);
		state->v4.icmp.checksum = sum_fold(sum);
		answer_ip4(&state->v4.ip, packet, length, IPPROTO_ICMP);
		return length;
	}
	length = answer_quote(skb, packet, state, header6, ANSWER_MAX6);
	if (!length)
		return 0;
	answer_ip6(&state->v6.ip, packet, length, IPPROTO_ICMPV6);
	state->v6.icmp = *head;
	sum = sum_pseudo(state->v6.ip.source, 32, length - sizeof(struct ipv6_header), IPPROTO_ICMPV6, 0);
	sum = sum_bytes(state->bytes + sizeof(struct ipv6_header),
			(length - sizeof(struct ipv6_header) + 3) & ~3U,
			ANSWER_MAX6 - sizeof(struct ipv6_header), sum);
	state->v6.icmp.checksum = sum_fold(sum);
	return length;
}

/* The reset that RFC 9293 section 3.5.2 has for a segment of no connection, without its checksum. Not zero: impossible. */
static __always_inline int answer_segment(struct __sk_buff *skb, const struct packet *packet,
					  struct tcp_header *reset)
{
	struct tcp_head denied = {};
	__u32 header, segment = packet->end - packet->transport_offset;

	if (bpf_skb_load_bytes(skb, packet->transport_offset, &denied, sizeof(denied)))
		return -1;
	header = (denied.data_offset >> 4) * 4U;
	if (header > segment)
		return -1;
	*reset = (struct tcp_header){
		.head.source = denied.destination,
		.head.destination = denied.source,
		.head.data_offset = (TCP_HEADER / 4) << 4,
		.head.flags = TCP_RST,
	};
	if (denied.flags & TCP_ACK) {
		reset->head.sequence = denied.acknowledgement;
		return 0;
	}
	segment -= header;
	if (denied.flags & TCP_SYN)
		segment++;
	if (denied.flags & TCP_FIN)
		segment++;
	reset->head.flags |= TCP_ACK;
	reset->head.acknowledgement = bpf_htonl(bpf_ntohl(denied.sequence) + segment);
	return 0;
}

/* Makes the reset and gives its size from the IP header, 0 if it cannot be. */
static __always_inline __u32 answer_reset(struct __sk_buff *skb, const struct packet *packet,
					  struct answer_state *state)
{
	const __u32 length4 = sizeof(struct ipv4_header) + sizeof(struct tcp_header);
	const __u32 length6 = sizeof(struct ipv6_header) + sizeof(struct tcp_header);
	struct tcp_header reset;
	__u32 sum;

	if (answer_segment(skb, packet, &reset))
		return 0;
	sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)&reset, sizeof(reset), 0);
	if (packet->family == 4) {
		answer_ip4(&state->v4.ip, packet, length4, IPPROTO_TCP);
		sum = sum_pseudo(&state->v4.ip.source, 8, sizeof(reset), IPPROTO_TCP, sum);
		reset.checksum = sum_fold(sum);
		state->v4.tcp = reset;
		return length4;
	}
	answer_ip6(&state->v6.ip, packet, length6, IPPROTO_TCP);
	sum = sum_pseudo(state->v6.ip.source, 32, sizeof(reset), IPPROTO_TCP, sum);
	reset.checksum = sum_fold(sum);
	state->v6.tcp = reset;
	return length6;
}

/*
 * Puts the answer behind the frame's Ethernet header and tags. Whatever the packet was (cloned, scattered, a GSO train),
 * bpf_skb_change_tail makes an ordinary one of it. Not zero: failed.
 */
static __always_inline int answer_write(struct __sk_buff *skb, struct answer_state *state, __u32 offset,
					__u32 length)
{
	asm volatile("" : "+r"(length));
	return length == 0 || length > ANSWER_MAX6 || bpf_skb_change_tail(skb, offset + length, 0) ||
	       bpf_skb_store_bytes(skb, offset, state->bytes, length,
				   BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH);
}

/* The same, and sends it back. */
static __always_inline int answer_send(struct __sk_buff *skb, struct answer_state *state, __u32 offset,
				       __u32 length, __u8 direction)
{
	__u16 addresses[ETHERNET_ADDRESSES / 2], swapped[ETHERNET_ADDRESSES / 2];

	if (bpf_skb_load_bytes(skb, 0, addresses, sizeof(addresses)) ||
	    (addresses[0] | addresses[3]) & ETHERNET_GROUP)
		return POLICYC_DROP;
#pragma unroll
	for (int i = 0; i < 3; i++) {
		swapped[i] = addresses[i + 3];
		swapped[i + 3] = addresses[i];
	}
	if (answer_write(skb, state, offset, length) ||
	    bpf_skb_store_bytes(skb, 0, swapped, sizeof(swapped), 0))
		return POLICYC_DROP;
	skb->mark = POLICYC_ANSWER_MARK;
	return (int)bpf_redirect(skb->ifindex, direction == POLICYC_INGRESS ? BPF_F_INGRESS : 0);
}

/* Whether the node answers packets that are dropped for this reason. */
static __always_inline bool answer_wanted(const struct node_config_value *config, __u32 reason)
{
	if (reason == DROP_SERVICE_NO_BACKEND) {
		const struct service_config_value *balancing = service_config_lookup();

		return balancing && !(balancing->flags & SERVICE_NO_BACKEND_DROP);
	}
	return config && config->flags & (NODE_DENY_ICMP | NODE_DENY_RESET) && policy_denies(reason);
}

/*
 * What becomes of a packet that its policy denied, or that found no backend (`reason`), already counted and reported: the
 * action of the program. Answers where the RFCs allow it. `direction` is that of the program: where both policies are asked at
 * once, the receiver's denial is answered where the sender is.
 */
__noinline int answer_denied(struct __sk_buff *skb, const struct packet *packet, __u32 direction,
			     __u32 reason)
{
	bool port = reason == DROP_SERVICE_NO_BACKEND;
	const struct endpoint_value *endpoint = endpoint_by_interface(skb->ifindex);
	const struct node_config_value *config = node_config_lookup();
	struct icmp_head head = {};
	struct answer_state *state;
	__u32 first = 0, length;

	if (!packet || !endpoint || !config || !answer_due(packet, endpoint, (__u8)direction))
		return POLICYC_DROP;
	state = bpf_map_lookup_elem(&answer_state, &first);
	if (!state || !answer_take(state))
		return POLICYC_DROP;
	head.type = packet->family == 4 ? ICMP4_UNREACHABLE : ICMP6_FIRST_ERROR;
	if (port)
		head.code = packet->family == 4 ? ICMP4_PORT : ICMP6_PORT;
	else
		head.code = packet->family == 4 ? ICMP4_PROHIBITED : ICMP6_PROHIBITED;
	/* A first fragment does not tell how long its segment is. */
	if (!port && config->flags & NODE_DENY_RESET && packet->protocol == IPPROTO_TCP &&
	    packet->fragment == FRAGMENT_NONE)
		length = answer_reset(skb, packet, state);
	else
		length = answer_error(skb, packet, state, &head);
	if (!length)
		return POLICYC_DROP;
	return answer_send(skb, state, packet->network_offset, length, (__u8)direction);
}

/* Of a marked packet: is it what answer_denied() makes? Then the mark is another one. */
__noinline int answer_unmark(struct __sk_buff *skb, const struct packet *packet)
{
	bool reset, error;

	if (!packet)
		return false;
	reset = packet->kind == PACKET_FLOW && packet->tcp_flags & TCP_RST;
	error = packet->kind == PACKET_ICMP_ERROR &&
		packet->icmp_type == (packet->family == 4 ? ICMP4_UNREACHABLE : ICMP6_FIRST_ERROR) &&
		(packet->icmp_code == (packet->family == 4 ? ICMP4_PROHIBITED : ICMP6_PROHIBITED) ||
		 packet->icmp_code == (packet->family == 4 ? ICMP4_PORT : ICMP6_PORT));
	if (!reset && !error)
		return false;
	skb->mark = POLICYC_ANSWERED_MARK;
	return true;
}

/*
 * For a packet that the policy would be asked about, or has denied: is it an answer on its way through the other program,
 * which passes all the same?
 */
static __always_inline bool answer_passes(struct __sk_buff *skb, const struct packet *packet)
{
	return skb->mark == POLICYC_ANSWER_MARK && answer_unmark(skb, packet);
}

#endif /* POLICYC_RUNTIME_ANSWER_H */
