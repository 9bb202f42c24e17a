/* SPDX-License-Identifier: Apache-2.0 */
/* contract.h - the escrow contract put on a chain, once, and compared. Blocking. */
#ifndef GAVEL_MARKET_CONTRACT_H
#define GAVEL_MARKET_CONTRACT_H

#include "lib/err.h"

struct contract_args {
	const char *rpc, *key_file, *password_file;
	const char *dir;     /* what lease/contracts/build.sh made */
	const char *record;  /* directory of what is kept; NULL: the key file's */
	const char *token;   /* NULL: a test token is deployed first */
	const char *address; /* contract_check() */
	uint32_t min_window;
};

/* JSON on stdout. When the record names a contract that is there, it is said again
 * and nothing is sent. */
int contract_deploy(const struct contract_args *d, struct err *e) mustcheck;
/* Is the code at the address ours, but for what the constructor writes? Says what
 * that is. */
int contract_check(const struct contract_args *d, struct err *e) mustcheck;

#endif
