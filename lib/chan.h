/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan.h - the wire between the roles of one program: a SOCK_SEQPACKET pair.
 *
 * A call is one packet: a verb and up to CHAN_BYTES_MAX bytes; the answer is a
 * struct err, or up to CHAN_BYTES_MAX bytes. Roles that hold a key or root
 * serve a channel with chan_serve(): a blocking loop, one call at a time, a
 * table of verbs, nothing else.
 */
#ifndef GAVEL_CHAN_H
#define GAVEL_CHAN_H

#include "task.h"

#define CHAN_BYTES_MAX (96 * 1024)

extern const struct code CHAN_CLOSED;

struct verb {
	const char *name;
	unsigned number;
	size_t min, max; /* length of the call */
	/* Fill out (CHAN_BYTES_MAX bytes) and *out_len, or fail. */
	int (*run)(void *ctx, const void *in, size_t len, void *out, size_t *out_len,
		   struct err *e);
};
#define VERB_END                                                                                   \
	{                                                                                          \
		NULL, 0, 0, 0, NULL                                                                \
	}

/* Serve until the other side closes. */
void chan_serve(int fd, const struct verb *verbs, void *ctx);

/* The asking side. Calls are answered in order. */
struct chan;
struct chan *chan_open(struct loop *l, int fd);
void chan_close(struct chan *c);

struct chan_call {
	unsigned verb;
	const void *in;
	size_t in_len;
	/* results */
	struct err err;	    /* code NULL: success */
	const uint8_t *out; /* in the task's arena */
	size_t out_len;
};
enum next chan_start(struct task *t, struct chan *c, struct chan_call *call);
/* Blocking form on a descriptor of one's own, for start-up and tests. */
int chan_now(struct arena *a, int fd, struct chan_call *call, struct err *e) mustcheck;

/* The codes that may travel over channels are registered once per program, so
 * that an error keeps its code; others arrive as ERR_SYSTEM with their text. */
void chan_register_codes(const struct code *const *codes, size_t count);

#endif
