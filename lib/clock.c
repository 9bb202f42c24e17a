/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <inttypes.h>
#include <time.h>

static int64_t
clock_read(clockid_t which)
{
	struct timespec ts;

	if (clock_gettime(which, &ts) != 0)
		fatal("no clock");
	return ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

wall_t
clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}

mono_t
clock_mono(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

const char *
time_text(wall_t t, char out[static TIME_TEXT_SIZE])
{
	time_t seconds = t / SECOND_US;
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, TIME_TEXT_SIZE - n, ".%06dZ", (int)(t % SECOND_US));
	return out;
}

int
time_read(const char *text, wall_t *out, struct err *e)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	wall_t fraction = 0, unit = SECOND_US;

	if (rest == NULL)
		return err_set(e, &ERR_BAD_DATA, "expected a time like 2026-11-25T05:10:35Z");
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
			unit /= 10;
			fraction += (*rest - '0') * unit;
		}
	if (strcmp(rest, "Z") != 0)
		return err_set(e, &ERR_BAD_DATA, "a time ends with Z (UTC)");
	*out = timegm(&tm) * SECOND_US + fraction;
	return 0;
}

const char *
duration_text(int64_t us, char out[static TIME_TEXT_SIZE])
{
	static const struct {
		int64_t us;
		const char *name;
	} units[] = { { 86400 * SECOND_US, "d" },
		      { 3600 * SECOND_US, "h" },
		      { 60 * SECOND_US, "min" },
		      { SECOND_US, "s" },
		      { MILLI_US, "ms" } };
	size_t i = 0;

	if (us < 10 * SECOND_US) {
		if (us < SECOND_US)
			snprintf(out, TIME_TEXT_SIZE, "%" PRId64 " ms", us / MILLI_US);
		else
			snprintf(out, TIME_TEXT_SIZE, "%" PRId64 ".%02d s", us / SECOND_US,
				 (int)(us % SECOND_US / 10000));
		return out;
	}
	while (us < units[i].us)
		i++;
	snprintf(out, TIME_TEXT_SIZE, "%" PRId64 " %s", us / units[i].us, units[i].name);
	us %= units[i].us;
	if (i < 3 && us / units[i + 1].us != 0) {
		size_t n = strlen(out);

		snprintf(out + n, TIME_TEXT_SIZE - n, " %" PRId64 " %s", us / units[i + 1].us,
			 units[i + 1].name);
	}
	return out;
}
