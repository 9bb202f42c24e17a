/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price_program.h - the operator's program that sets prices: a child of the
 * agent, as its user, with no descriptors of ours, one question on its standard
 * input and one answer on its standard output, killed when its time is over. At
 * most price_at_once run at a time; who waits for longer than price_timeout_ms
 * declines. What is asked and answered: pricing.h.
 */
#ifndef GAVEL_PRICE_PROGRAM_H
#define GAVEL_PRICE_PROGRAM_H

#include "lib/proc.h"
#include "provider/bid/pricing.h"
#include "provider/settings.h"

struct price_ask {
	const char *question;
	struct pricing *pricing; /* by the card; replaced by the answer */
	const char *decline;	 /* result: a reason, or NULL */
	/* internal */
	const char **argv;
	struct proc proc;
	unsigned *running; /* counted there until price_ask_end() */
	mono_t until;
};

/* A place: TASK_NEXT with `held`, or TASK_WAIT for a moment: then try again. */
enum next price_ask_place(struct task *t, const struct provider_settings *s, unsigned *running,
			  struct price_ask *p, bool *held);
/* With a place: start the program, read its answer in the next step. */
enum next price_ask_start(struct task *t, const struct provider_settings *s, struct price_ask *p);
void price_ask_read(struct arena *a, const struct provider_settings *s, struct price_ask *p);
/* Gives the place back; harmless when there is none. */
void price_ask_end(struct price_ask *p);
/* All of it, waiting: for the command line. */
void price_ask_now(struct arena *a, const struct provider_settings *s, struct price_ask *p);

#endif
