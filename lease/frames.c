/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include "lib/clock.h"

#define SIDE_MAX 4096

const struct json_field frame_resize_fields[] = { JSON_U32(struct frame_resize, rows, SIDE_MAX, 0),
						  JSON_U32(struct frame_resize, cols, SIDE_MAX, 0),
						  JSON_END };
const struct json_field frame_exit_fields[] = { JSON_U32(struct frame_exit, status, 255, 0),
						JSON_END };
const struct json_field frame_error_fields[] = { JSON_STR(struct frame_error, code, 60, 0),
						 JSON_STR(struct frame_error, detail, 1000, 0),
						 JSON_END };

bool
frame_read(const uint8_t *message, size_t len, enum frame_kind *kind, const uint8_t **data,
	   size_t *data_len)
{
	if (len == 0 || message[0] > FRAME_ERROR)
		return false;
	*kind = (enum frame_kind)message[0];
	*data = message + 1;
	*data_len = len - 1;
	return true;
}

/* ------------------------------------------------------------------ */

/* 2026-11-25T05:10:35.123456Z: digits where digits belong, so that two of them
 * compare as text. */
static bool
time_is_good(const char *t)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";

	for (size_t i = 0; i < FRAMES_TIME_LEN; i++)
		if (form[i] == 'd' ? t[i] < '0' || t[i] > '9' : t[i] != form[i])
			return false;
	return true;
}

bool
log_line_read(const char *line, size_t len, bool with_unit, struct log_line *out)
{
	const char *space = NULL;

	*out = (struct log_line){ .unit = line };
	if (with_unit) {
		space = memchr(line, ' ', MIN(len, (size_t)80));
		if (space == NULL || space == line)
			return false;
		out->unit_len = (size_t)(space - line);
		len -= out->unit_len + 1;
		line = space + 1;
	}
	if (len < FRAMES_TIME_LEN + 3 || !time_is_good(line) || line[FRAMES_TIME_LEN] != ' ' ||
	    line[FRAMES_TIME_LEN + 2] != ' ')
		return false;
	out->time = line;
	out->stream = line[FRAMES_TIME_LEN + 1];
	out->text = line + FRAMES_TIME_LEN + 3;
	out->text_len = len - FRAMES_TIME_LEN - 3;
	return out->stream == 'o' || out->stream == 'e' || out->stream == '-';
}

int
since_read(const char *text, wall_t now, wall_t *out, struct err *e)
{
	static const struct {
		char letter;
		int64_t us;
	} units[] = { { 's', SECOND_US },
		      { 'm', 60 * SECOND_US },
		      { 'h', 3600 * SECOND_US },
		      { 'd', 86400 * SECOND_US } };
	int64_t back = 0;
	const char *p = text;
	bool good = text[0] != '\0';

	if (strlen(text) >= 20 && text[4] == '-')
		return time_read(text, out, e);
	while (good && *p != '\0') {
		const char *digits = p;
		int64_t n = 0, unit = 0;

		for (; *p >= '0' && *p <= '9' && n < 1000000; p++)
			n = n * 10 + (*p - '0');
		for (size_t i = 0; i < NELEMS(units); i++)
			if (*p == units[i].letter)
				unit = units[i].us;
		good = unit != 0 && p != digits;
		back += n * unit;
		p++;
	}
	if (!good)
		return err_set(e, &ERR_BAD_DATA,
			       "\"%.60s\" is neither a time like 2026-11-25T05:10:35Z nor a span "
			       "like 10m",
			       text);
	*out = now - back;
	return 0;
}

bool
remote_path_read(struct arena *a, const char *text, struct remote_path *out)
{
	const char *colon = strchr(text, ':'), *slash = strchr(text, '/');

	/* One slash may stand before the colon, between two names. */
	if (colon == NULL || colon == text || text[0] == '/' || text[0] == '.')
		return false;
	*out = (struct remote_path){ .path = arena_strdup(a, colon + 1) };
	if (slash != NULL && slash < colon) {
		if (memchr(slash + 1, '/', (size_t)(colon - slash - 1)) != NULL ||
		    slash + 1 == colon)
			return false;
		out->service = arena_strndup(a, slash + 1, (size_t)(colon - slash - 1));
		colon = slash;
	}
	out->name = arena_strndup(a, text, (size_t)(colon - text));
	return true;
}

static bool
port_read(const char *text, size_t len, uint32_t least, uint32_t *out)
{
	uint32_t n = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(text[i] - '0');
	}
	*out = n;
	return n >= least && n <= 65535;
}

int
forward_ports_read(const char *text, uint32_t *local, uint32_t *port, struct err *e)
{
	const char *colon = strchr(text, ':'), *inner = colon != NULL ? colon + 1 : text;

	if (!port_read(inner, strlen(inner), 1, port))
		return err_set(e, &ERR_BAD_DATA, "\"%.60s\": a port is 1 to 65535", text);
	*local = *port;
	if (colon != NULL && !port_read(text, (size_t)(colon - text), 0, local))
		return err_set(e, &ERR_BAD_DATA, "\"%.60s\": a port of this machine is 0 to 65535",
			       text);
	return 0;
}
