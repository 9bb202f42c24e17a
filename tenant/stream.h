/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - local descriptors joined to a WebSocket of the gateway until the
 * other end says how it ended: what exec, shell and cp share.
 */
#ifndef GAVEL_STREAM_H
#define GAVEL_STREAM_H

#include "tenant/tenant.h"

struct stream {
	const char *path, *protocol; /* of the WebSocket */
	int in, out;		     /* -1: none */
	bool terminal;		     /* raw while it lasts, its size followed */
	bool keep_words;	     /* stderr of the other end into words, not to ours */
	void (*on_bytes)(struct stream *s);
	/* results */
	int status; /* as the other end says; 128 + signal when one ended us */
	uint64_t bytes;
	char words[1024];
};

/* Returns when it is over. -1: refused, or broke off before the end. */
int stream_run(const struct lease_ref *l, struct stream *s, struct err *e) mustcheck;

#endif
