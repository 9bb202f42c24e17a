/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appraise.h - what we would ask for a group now, or why we would not serve it:
 * the first steps of every bid, and of every answer to a request for a quote.
 *
 * A task whose state begins with a struct appraisal has APPRAISE_STEPS first;
 * afterwards `decline` or `pricing` is the result. Its `done` must call
 * appraise_end().
 */
#ifndef GAVEL_APPRAISE_H
#define GAVEL_APPRAISE_H

#include "provider/agent.h"
#include "provider/bid/price_program.h"

struct appraisal {
	/* what is asked for */
	const char *order;	 /* id as text */
	const struct hash *hash; /* of the order; NULL: a quote */
	struct address tenant;
	const struct group *group;
	const struct json_strs *excluded; /* providers that failed, or NULL */
	/* the answer */
	const char *decline; /* a code of decline_known(), or NULL */
	struct pricing pricing;
	/* internal */
	struct price_ask ask;
	bool held;
};

enum next appraise_look(struct task *t);
enum next appraise_place(struct task *t);
enum next appraise_start(struct task *t);
enum next appraise_read(struct task *t);
#define APPRAISE_STEPS                                                                             \
	{ "look", appraise_look }, { "place", appraise_place }, { "start", appraise_start },       \
	{                                                                                          \
		"read", appraise_read                                                              \
	}
void appraise_end(struct appraisal *a);

/* Rules that need no look at the machine or at audits: NULL, or why not. */
const char *appraise_refusal(const struct provider_settings *s, const struct address *self,
			     const struct address *tenant, const struct group *group);

/* The same, and what auditors say of us. */
const char *
appraise_refuses(const struct agent *g, const struct address *tenant, const struct group *group);

#endif
