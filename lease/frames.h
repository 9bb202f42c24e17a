/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.h - what tenant and gateway say over the WebSockets of a running
 * workload: messages whose first byte says what they are. Pure.
 *
 *	exec     STDIN  ->	RESIZE ->	<- STDOUT, STDERR, EXIT, ERROR
 *	files    STDIN  -> (a tar in)	<- STDOUT (a tar out), STDERR, EXIT, ERROR
 *	forward  STDIN  ->	<- STDOUT, ERROR
 *
 * STDIN and STDOUT without data: this direction has ended. EXIT is the last
 * message of a command, ERROR of a connection that the gateway cannot go on
 * with. RESIZE, EXIT and ERROR carry JSON.
 *
 * Also the lines of logs, as the gateway sends them:
 *	web.0 2026-11-25T05:10:35.123456Z o text
 * service and copy, time, o stdout | e stderr | - a remark of the provider.
 */
#ifndef GAVEL_FRAMES_H
#define GAVEL_FRAMES_H

#include "lib/json.h"

#define FRAMES_EXEC	"gavel.exec.v1"
#define FRAMES_FILES	"gavel.files.v1"
#define FRAMES_FORWARD	"gavel.forward.v1"
#define FRAMES_DATA_MAX ((size_t)32 * 1024) /* in one message, as we send them */

enum frame_kind {
	FRAME_STDIN,
	FRAME_STDOUT,
	FRAME_STDERR,
	FRAME_RESIZE,
	FRAME_EXIT,
	FRAME_ERROR,
};

struct frame_resize {
	uint32_t rows, cols;
};
struct frame_exit {
	uint32_t status; /* 0..255 */
};
struct frame_error {
	const char *code, *detail;
};
extern const struct json_field frame_resize_fields[], frame_exit_fields[], frame_error_fields[];

/* A message taken apart: its kind and its data; false when it has no kind. */
bool frame_read(const uint8_t *message, size_t len, enum frame_kind *kind, const uint8_t **data,
		size_t *data_len);

struct log_line {
	const char *unit; /* "web.0", not ended by NUL */
	size_t unit_len;
	const char *time; /* RFC 3339, always FRAMES_TIME_LEN bytes */
	char stream;	  /* 'o', 'e', '-' */
	const char *text; /* any bytes but line feed */
	size_t text_len;
};
#define FRAMES_TIME_LEN ((size_t)27)

/* One line without its end; with_unit: as the gateway sends it, else as it is
 * on the disk. False: not such a line. */
bool log_line_read(const char *line, size_t len, bool with_unit, struct log_line *out);

/* "10m", "1h30m", "45s", "2d" or RFC 3339: the moment meant. */
int since_read(const char *text, wall_t now, wall_t *out, struct err *e) mustcheck;

/* NAME[/SERVICE]:PATH; service may be NULL. False: it is a path of this machine
 * ("-" is one, and whatever has a '/' before its first ':'). A colon in the
 * first part is written as ./a:b. */
struct remote_path {
	const char *name, *service, *path;
};
bool remote_path_read(struct arena *a, const char *text, struct remote_path *out);

/* [LOCAL:]PORT; LOCAL defaults to PORT, 0 is any free one. */
int forward_ports_read(const char *text, uint32_t *local, uint32_t *port, struct err *e) mustcheck;

#endif
