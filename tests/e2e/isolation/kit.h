/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kit.h - what the parts of the isolation suite share: a jail of the test's own,
 * leases in it that run the probe, the control that has no walls, and a look at
 * what is left.
 *
 * Leases are known by their slot. The image is busybox and the probe, made here.
 */
#ifndef GAVEL_ISOLATION_KIT_H
#define GAVEL_ISOLATION_KIT_H

#include "provider/jail/jail.h"
#include "provider/jail/net.h"

#define KIT_TAG	  "iso"
#define KIT_SLOTS 8
#define MIB	  (UINT64_C(1) << 20)

extern struct jail_config kit_config;
extern struct arena kit_arena;

/* One line of TAP. */
bool check(bool passed, const char *fmt, ...) printflike(2, 3);
/* Whether lo <= got <= hi, saying all three. */
bool check_between(long long got, long long lo, long long hi, const char *what);
int kit_done(void);

void kit_begin(void);
/* The jail again, with kit_config as it is now. */
void kit_again(void);
void kit_end(void);

/* What a lease is to be; zero takes a default. */
struct lease_want {
	uint32_t uid; /* both ids; 0: root inside */
	uint64_t memory, storage;
	uint32_t cpu_milli, pids;
	const struct net_link *link;
};
/* The probe with these arguments, NULL-ended, created and started. */
bool lease_run(uint16_t slot, const char *const *args, const struct lease_want *want);
struct jail_stat lease_stat(uint16_t slot);
/* Its log, once it holds `mark` (10 s at most). */
const char *lease_said(uint16_t slot, const char *mark);
bool lease_destroy(uint16_t slot);
/* Milliseconds until the lease that serves has answered; -1: it has not. */
int lease_answers(uint16_t slot);
/* Whether anything of the lease is left on this machine, and says what. */
bool lease_left(uint16_t slot);

/* The same program as root with every capability and without walls: no user
 * namespace, no system call filter, no masks, any device. Its output. */
const char *control_said(const char *const *args, uint32_t uid);

/* The answer "kind|name|ANSWER" in a text, or NULL. */
const char *answer(const char *text, const char *kind, const char *name);
long long answer_number(const char *text, const char *kind, const char *name);
int kit_shell(const char *script);

void test_calls(void);
void test_paths(void);
void test_reach(void);
void test_bombs(void);
void test_selfcheck(void);

#endif
