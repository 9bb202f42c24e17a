/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/unit_price.h"

#define MONTH_S (730u * 3600)

static void
add(struct unit_price *out, size_t *count, const char *unit, struct rate one, uint32_t times)
{
	u128 nano = one.nano > RATE_MAX / times ? RATE_MAX : one.nano * times;

	if (nano != 0)
		out[(*count)++] = (struct unit_price){ unit, { nano }, { 0 } };
}

size_t
unit_prices(struct arena *a, const struct offer_units *u,
	    struct unit_price out[static UNIT_PRICES_MAX])
{
	static const char *const classes[STORAGE_CLASSES] = {
		"GiB disk", "GiB volume", "GiB volume beta1", "GiB volume beta2", "GiB volume beta3"
	};
	const struct gpu_rate *g = u->gpus.items;
	u128 egress = u->egress_gib.nano / RATE_UNIT + (u->egress_gib.nano % RATE_UNIT != 0);
	size_t count = 0;

	add(out, &count, "vCPU", u->cpu_milli, 1000);
	add(out, &count, "GiB memory", u->memory_mib, 1024);
	for (unsigned c = 0; c < STORAGE_CLASSES; c++)
		add(out, &count, classes[c], u->storage_gib[c], 1);
	for (size_t i = 0; i < u->gpus.count && i < OFFER_MODELS_MAX; i++)
		add(out, &count, arena_printf(a, "GPU %s", g[i].model), g[i].rate, 1);
	add(out, &count, "IP address", u->ip, 1);
	add(out, &count, "endpoint", u->endpoint, 1);
	if (egress != 0)
		out[count++] = (struct unit_price){ "GiB out", { 0 }, { MIN(egress, AMOUNT_MAX) } };
	add(out, &count, "lease", u->fixed, 1);
	return count;
}

const char *
unit_price_human(const struct unit_price *p, unsigned decimals, char out[static AMOUNT_TEXT_SIZE])
{
	return p->each.units != 0 ? amount_human(p->each, decimals, out)
				  : rate_human(p->rate, MONTH_S, decimals, out);
}
