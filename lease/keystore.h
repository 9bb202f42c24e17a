/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystore.h - keys at rest: Web3 Secret Storage, version 3. scrypt (or, for
 * reading, PBKDF2-SHA256), AES-128-CTR, Keccak MAC. Readable by other wallets,
 * and theirs by us.
 */
#ifndef GAVEL_KEYSTORE_H
#define GAVEL_KEYSTORE_H

#include "lease/key.h"
#include "lib/json.h"

extern const struct code KEYSTORE_PASSWORD; /* wrong password */
extern const struct code KEYSTORE_BAD;
extern const struct code KEYSTORE_NO_ADDRESS; /* only the password tells it */

/* A new file, mode 0600; an existing one is never overwritten. scrypt with
 * N = 2^log2_n (1 to 20), r = 8, p = 1; 18 is what geth writes (a second, 256
 * MiB), 13 is quick. Writing fails with EEXIST's text when the name is taken. */
int keystore_write(const char *path, const struct key *key, const char *password, unsigned log2_n,
		   struct err *e) mustcheck;
int keystore_read(const char *path, const char *password, struct key *key, struct err *e) mustcheck;
/* The same with the password in the first line of a file, as daemons have it. */
int keystore_load(const char *path, const char *password_file, struct key *key,
		  struct err *e) mustcheck;
/* That first line. The caller wipes it. */
#define PASSWORD_SIZE 256
int password_read(const char *path, char out[static PASSWORD_SIZE], struct err *e) mustcheck;
/* Only the address, without the password: KEYSTORE_NO_ADDRESS where the wallet that
 * wrote the file has left it out, as some do. */
int keystore_address(const char *path, struct address *out, struct err *e) mustcheck;
/* The address, with the password of a file where it must be. */
int keystore_whose(const char *path, const char *password_file, struct address *out,
		   struct err *e) mustcheck;
/* The same from text. */
int keystore_open(struct arena *a, const char *text, size_t len, const char *password,
		  struct key *key, struct err *e) mustcheck;

#endif
