/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate.h - `price simulate`: past orders of the market, or of a file, against
 * the prices that the settings make now. Each is cleared again with our bid among
 * those that were made (lease/auction.h), as of an established provider on an
 * otherwise empty machine. It asks the market what everybody may ask.
 *
 * A file has one JSON object a line: {"group": ..., "tenant": "0x...", "max":
 * "RATE", "bids": [{"floor": "RATE", "list": "RATE"}]}; all but group may be
 * missing.
 */
#ifndef GAVEL_SIMULATE_H
#define GAVEL_SIMULATE_H

#include "provider/settings.h"

struct simulate {
	struct provider_settings *settings;
	const char *orders; /* file, or NULL: the market's */
	const char *since;  /* "7d", "12h"; NULL: 7d */
	uint32_t load_bp;   /* of the machine, for the load curve */
	bool json;
};

int simulate_run(const struct simulate *sim, struct err *e) mustcheck;

#endif
