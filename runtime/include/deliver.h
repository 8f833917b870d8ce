/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From endpoint to endpoint on one node, past the host's stack: bpf_redirect_peer puts the packet into the receiver's network
 * namespace as if the host had routed it there. Both policies have said yes by then. Whatever does not fit goes by the stack,
 * where the receiver's program asks again.
 */
#ifndef POLICYC_RUNTIME_DELIVER_H
#define POLICYC_RUNTIME_DELIVER_H

#include "runtime/include/balance.h"
#include "runtime/include/link.h"
#include "runtime/include/metrics.h"
#include "runtime/include/policy.h"

/* The action for a packet that passes: into the receiver's namespace, or on by the stack. */
static __always_inline int deliver(struct __sk_buff *skb, const struct packet *packet, __u32 interface_index)
{
	const struct endpoint_value *receiver;

	if (!have_redirect_peer || !interface_index)
		return POLICYC_PASS;
	receiver = endpoint_by_interface(interface_index);
	if (!receiver || !is_for(packet, receiver) || !fits(skb, packet, receiver) || !take_hop(skb, packet))
		return POLICYC_PASS;
	/* Whoever does not know the addresses leaves the host's: the receiver's stack does not look. */
	if (knows_link(receiver))
		write_link(skb, receiver->mac, receiver->host_mac);
	/* The receiver's program does not see it. */
	count_passed(receiver->endpoint_id, POLICYC_INGRESS, packet_bytes(skb, packet));
	return (int)bpf_redirect_peer(interface_index, 0);
}

/* The entry that the receiver of a delivered packet has of its connection counts it as well. */
__noinline int account_received(struct __sk_buff *skb, const struct packet *packet)
{
	struct ct_value *entry;

	if (!packet)
		return 0;
	entry = ct_lookup(packet, POLICYC_INGRESS, clock_ticks());
	if (entry)
		ct_account(entry, skb, packet);
	return 0;
}

/*
 * Both ends of a connection deliver or none does: the other endpoint of this node, if it is one, no longer delivers past the
 * program of the one that a packet in `direction` belongs to.
 */
__noinline int unlink_other(struct packet *packet, __u32 direction)
{
	struct policy_scratch *scratch = policy_scratch_lookup();
	struct ct_value *other;

	if (!packet || !scratch || !continuation_of(scratch)->peer_interface)
		return 0;
	other = ct_lookup(packet, direction ^ 1, clock_ticks());
	if (!other)
		return 0;
	other->deliver_to = 0;
	/* What its client sends to the frontend. */
	if (other->flags & CT_SERVICE_REPLY)
		twin_verdict(packet, other, direction ^ 1);
	return 0;
}

#endif /* POLICYC_RUNTIME_DELIVER_H */
