/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of the socket programs alone. */
#ifndef POLICYC_RUNTIME_SOCKET_MAPS_H
#define POLICYC_RUNTIME_SOCKET_MAPS_H

#include "runtime/abi/service.h"
#include "runtime/include/base.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 262144);
	__type(key, struct socket_reverse_key);
	__type(value, struct socket_reverse_value);
} socket_reverse SEC(".maps");

/*
 * What a UDP socket that is not connected was given last: it stays with the backend of a frontend, and what it left in
 * socket_reverse can be found when it is closed. A socket that talks to more frontends chooses anew for the oldest.
 */
#define SOCKET_CHOICES 8U /* a power of two */
struct socket_choice {
	struct socket_reverse_value value;
	__u8 address[16]; /* of the backend */
	__be16 port;
	__u8 family; /* 0: free */
	__u8 pad[5];
};
struct socket_choices {
	__u32 next; /* the one to be replaced, modulo SOCKET_CHOICES */
	__u32 pad;
	struct socket_choice choices[SOCKET_CHOICES];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_choices);
} socket_choices SEC(".maps");

#endif /* POLICYC_RUNTIME_SOCKET_MAPS_H */
