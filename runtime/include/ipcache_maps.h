/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Identities of exact addresses; keys and values are in runtime/abi/abi.h. The sizes are defaults that the loader may change. */
#ifndef POLICYC_RUNTIME_IPCACHE_MAPS_H
#define POLICYC_RUNTIME_IPCACHE_MAPS_H

#include "runtime/include/base.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 524288);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache4_key);
	__type(value, struct ipcache_value);
} ipcache4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 524288);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache6_key);
	__type(value, struct ipcache_value);
} ipcache6 SEC(".maps");

#endif /* POLICYC_RUNTIME_IPCACHE_MAPS_H */
