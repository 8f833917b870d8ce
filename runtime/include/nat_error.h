/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors about translated packets. An error quotes a packet as its reporter saw it; whoever sent that packet must see what
 * it had sent itself. So the quoted tuple, turned round, is looked up as if it were a packet of its own, and what is found gives the
 * error its destination and the quoted packet its tuple.
 *
 * The reporter's own address: if the quoted packet's receiver is translated too, the error is given what stands for it, as
 * netfilter does; routers of the cluster's inside are of no use to clients. Else it is left as it is.
 */
#ifndef POLICYC_RUNTIME_NAT_ERROR_H
#define POLICYC_RUNTIME_NAT_ERROR_H

#include "runtime/include/nat_skb.h"

/*
 * Finds the connection of what an ICMP error quotes. `work->from` is then the tuple of a packet the other way, `work->hit` what that
 * becomes. False: none.
 */
__noinline int nat_quoted(struct __sk_buff *skb, const struct packet *packet, struct quoted *quoted,
			  struct nat_work *work)
{
	if (!packet || !quoted || !work)
		return false;
	__builtin_memset(&quoted->packet, 0, sizeof(quoted->packet));
	if (parse_quoted(skb, packet, &quoted->packet) || quoted->packet.fragment == FRAGMENT_LATER)
		return false;
	if (quoted->packet.kind != PACKET_FLOW && quoted->packet.kind != PACKET_ECHO_REQUEST &&
	    quoted->packet.kind != PACKET_ECHO_REPLY)
		return false;
	/* An error goes to the sender of what it quotes. */
	if (!address_equal6(&packet->destination, quoted->packet.source.bytes))
		return false;
	quoted->tuple = nat_tuple_of(&quoted->packet);
	work->from = nat_turned(&quoted->tuple);
	work->hit.to = (struct nat_tuple){};
	return nat_lookup(&work->from, &work->hit, clock_ticks());
}

/* A change of the quoted packet that is covered by the error's checksum alone. */
static __always_inline int quoted_store(struct __sk_buff *skb, const struct packet *packet, __u32 offset,
					const void *before, const void *after, __u32 size)
{
	__u32 change = (__u32)bpf_csum_diff((__be32 *)before, size, (__be32 *)after, size, 0);

	return bpf_l4_csum_replace(skb, packet->transport_offset + ICMP_CHECKSUM, 0, change, 0) ||
	       bpf_skb_store_bytes(skb, offset, after, size, 0);
}

/* The quoted transport checksum, if it is there: it changes as it did on the way. Without one (UDP) there is none after. */
static __always_inline int quoted_checksum(struct __sk_buff *skb, const struct packet *packet,
					   const struct packet *inner, __u32 change)
{
	struct port_pair before = {}, after = {};
	__u32 offset = checksum_offset(inner->protocol);
	__be16 checksum = 0;

	if (offset == NO_CHECKSUM)
		return 0;
	offset += inner->transport_offset;
	if (offset + sizeof(checksum) > inner->end ||
	    bpf_skb_load_bytes(skb, offset, &checksum, sizeof(checksum)))
		return 0;
	if (inner->protocol == IPPROTO_UDP && checksum == 0)
		return 0;
	before.source = checksum;
	after.source = checksum_changed(checksum, change);
	if (inner->protocol == IPPROTO_UDP && after.source == 0)
		after.source = 0xffff;
	if (bpf_l4_csum_replace(skb, packet->transport_offset + ICMP_CHECKSUM, before.source, after.source,
				sizeof(checksum)))
		return -1;
	return (int)bpf_skb_store_bytes(skb, offset, &after.source, sizeof(after.source), 0);
}

/* Rewrites the quoted packet to the tuple `to`. Not zero: failed. */
static __always_inline int quoted_write(struct __sk_buff *skb, const struct packet *packet,
					const struct quoted *quoted, const struct nat_tuple *to)
{
	const struct packet *inner = &quoted->packet;
	struct port_pair old_ports = {quoted->tuple.source_port, quoted->tuple.destination_port};
	struct port_pair new_ports = {to->source_port, to->destination_port};
	__u32 change, offset = inner->transport_offset;
	bool echo = inner->kind != PACKET_FLOW;

	if (!have_ipv6 || inner->family == 4) {
		struct address_pair4 before = {inner->source.words[0], inner->destination.words[0]};
		struct address_pair4 after = {to->source.words[0], to->destination.words[0]};

		change = (__u32)bpf_csum_diff((__be32 *)&before, sizeof(before), (__be32 *)&after,
					      sizeof(after), 0);
		/* What the addresses add to the error's sum, the quoted header's checksum takes from it. */
		if (bpf_l3_csum_replace(skb, inner->network_offset + IPV4_CHECKSUM, 0, change, 0) ||
		    bpf_skb_store_bytes(skb, inner->network_offset + IPV4_ADDRESSES, &after, sizeof(after),
					0))
			return -1;
		if (echo)
			change = 0;
	} else {
		struct address_pair6 before = {inner->source, inner->destination};
		struct address_pair6 after = {to->source, to->destination};

		change = (__u32)bpf_csum_diff((__be32 *)&before, sizeof(before), (__be32 *)&after,
					      sizeof(after), 0);
		if (quoted_store(skb, packet, inner->network_offset + IPV6_ADDRESSES, &before, &after,
				 sizeof(after)))
			return -1;
	}
	if (echo) {
		/* The identifier is where the second pair of bytes of a port pair would be, behind type, code, checksum. */
		old_ports.source |= old_ports.destination;
		new_ports.source |= new_ports.destination;
		old_ports.destination = 0;
		new_ports.destination = 0;
		offset += ICMP_ECHO_ID;
		change = (__u32)bpf_csum_diff((__be32 *)&old_ports, sizeof(old_ports), (__be32 *)&new_ports,
					      sizeof(new_ports), change);
		if (bpf_l4_csum_replace(skb, packet->transport_offset + ICMP_CHECKSUM, old_ports.source,
					new_ports.source, sizeof(new_ports.source)) ||
		    bpf_skb_store_bytes(skb, offset, &new_ports.source, sizeof(new_ports.source), 0))
			return -1;
	} else {
		change = (__u32)bpf_csum_diff((__be32 *)&old_ports, sizeof(old_ports), (__be32 *)&new_ports,
					      sizeof(new_ports), change);
		if (quoted_store(skb, packet, offset, &old_ports, &new_ports, sizeof(new_ports)))
			return -1;
	}
	return quoted_checksum(skb, packet, inner, change);
}

/*
 * Translates an ICMP error after nat_quoted(). `work->from` is its own tuple afterwards and `work->hit.to` the one it has. Not
 * zero: it cannot be, and must not go on.
 */
__noinline int nat_write_error(struct __sk_buff *skb, const struct packet *packet,
			       const struct quoted *quoted, struct nat_work *work)
{
	__u32 change = 0;

	if (!packet || !quoted || !work || packet->transport_offset > MAX_OFFSET)
		return -1;
	work->back = nat_turned(&work->hit.to);
	if (quoted_write(skb, packet, quoted, &work->back))
		return -1;
	work->reply = work->from;
	work->from.source = packet->source;
	work->from.source_port = 0;
	work->from.destination_port = 0;
	work->from.protocol = packet->protocol;
	work->hit.to.protocol = packet->protocol;
	work->hit.to.source_port = 0;
	work->hit.to.destination_port = 0;
	if (address_equal6(&work->reply.source, work->hit.to.source.bytes))
		work->hit.to.source = packet->source;
	if (write_addresses(skb, packet, &work->hit.to, &change))
		return -1;
	if (packet->protocol != IPPROTO_ICMP)
		return (int)bpf_l4_csum_replace(skb, packet->transport_offset + ICMP_CHECKSUM, 0, change,
						BPF_F_PSEUDO_HDR);
	return 0;
}

#endif /* POLICYC_RUNTIME_NAT_ERROR_H */
