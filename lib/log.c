/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>
#include <unistd.h>

#include "clock.h"

static const char *log_role = "";
static enum log_level log_least = LOG_INFO;

void
log_init(const char *role, enum log_level least)
{
	log_role = role;
	log_least = least;
}

void
log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char line[1024], when[TIME_TEXT_SIZE];
	size_t head;
	ssize_t ignored;
	va_list ap;
	int n;

	if (level < log_least)
		return;
	n = snprintf(line, sizeof(line), "%s %s %s %s ", time_text(clock_wall(), when),
		     names[level], log_role, event);
	head = MIN((size_t)n, sizeof(line) - 2);
	va_start(ap, fmt);
	n = vsnprintf(line + head, sizeof(line) - head - 1, fmt, ap);
	va_end(ap);
	head = MIN(head + (size_t)MAX(n, 0), sizeof(line) - 2);
	for (size_t i = 0; i < head; i++) {
		unsigned char c = (unsigned char)line[i];

		/* A terminal escape or a new line in outside text must not
		 * forge a second line. */
		if (c < 0x20 || c == 0x7f ||
		    (c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)line[i - 1] == 0xc2))
			line[i] = '?';
	}
	line[head] = '\n';
	ignored = write(STDERR_FILENO, line, head + 1);
	(void)ignored;
}
