/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update.h - from one manifest to the next, a unit at a time, and back when it
 * fails. Pure: what there is in, one move out.
 *
 * Where a second copy fits beside the first, it comes up there, takes the place
 * of the first when it is ready, and only then the first goes: no moment without
 * service. Where it does not fit, or where a volume of the service can be
 * mounted once only, the first goes and the second comes up in its place. When a
 * unit does not become ready, or ends, the update has failed: units that were
 * changed are changed back, in the same way. What did not change is left alone.
 */
#ifndef GAVEL_UPDATE_H
#define GAVEL_UPDATE_H

#include "provider/run/live.h"

enum update_step {
	UPDATE_WAIT,	/* for a unit that is on its way */
	UPDATE_SAME,	/* the service did not change: the unit takes the version's number */
	UPDATE_BESIDE,	/* bring up a second one in the unit's spare slot */
	UPDATE_INSTEAD, /* take the unit down, then up as the new version */
	UPDATE_SWITCH,	/* the unit that came is ready: it takes the other's place */
	UPDATE_FAILED,	/* the unit will not do */
	UPDATE_DONE,
};

struct update_move {
	enum update_step step;
	uint32_t unit;
};

/* What replaces another must have run so long: one that ends at once has no time
 * to look ready. */
#define UPDATE_PROOF_US (2 * SECOND_US)

/* next: what is to run; on the way back it is still that of the failed update.
 * fits(ctx, service): whether a second copy has room. */
struct update_move
update_next(const struct work *w, const struct manifest *good, const struct manifest *next,
	    const struct live *live, mono_t now, bool (*fits)(void *ctx, const struct service *s),
	    void *ctx) mustcheck;

/* An update changes what runs and not what was bought: the rules that
 * manifest_matches() does not see. */
int update_check(const struct manifest *from, const struct manifest *to, struct err *e) mustcheck;

extern const struct code UPDATE_REFUSED;

#endif
