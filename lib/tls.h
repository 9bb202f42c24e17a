/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - TLS 1.2/1.3 contexts for http.h. Parties of a lease do not trust
 * certificate authorities: they pin the public key that the other side signed
 * into its record.
 */
#ifndef GAVEL_TLS_H
#define GAVEL_TLS_H

#include "bytes.h"

struct tls; /* an SSL_CTX */

/* Read certificate and key (PEM). */
struct tls *tls_load(const char *cert_path, const char *key_path, struct err *e) mustcheck;
/* Make a P-256 key and a self-signed certificate unless both files exist. */
int tls_make_self_signed(const char *cert_path, const char *key_path, const char *name,
			 struct err *e) mustcheck;
/* SHA-256 of the certificate's SubjectPublicKeyInfo: the pin of RFC 7469. */
int tls_pin(const struct tls *tls, struct hash *pin, struct err *e) mustcheck;
void tls_free(struct tls *tls);
/* Of the first certificate in a PEM file: when it ends; whether it is for host. */
int tls_cert_read(const char *path, const char *host, wall_t *ends, bool *covers,
		  struct err *e) mustcheck;

#endif
