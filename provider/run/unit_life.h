/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit_life.h - when a container is started, stopped, and started again. Pure:
 * facts and the time in, one wish out; who fulfils it is runner.c's business.
 *
 *	        up                 exit, by itself
 *	UNKNOWN ---> WORKING ---> RUNNING --------> EXITED ---> FINISHED
 *	   ^            |            |                 |        (by its policy)
 *	   |            v            | ill             | after a pause: up
 *	   |          FAILED         v                 v
 *	   +--------- (pause) <--- WORKING (down)   WORKING (up)
 *
 * What has finished runs no more: it ended, and its policy says that it is not
 * started again. The pause after the n-th end in a row: none, then 1 s, 2 s, 4 s ... 60 s. A
 * container that ran for a minute has begun a new row.
 */
#ifndef GAVEL_UNIT_LIFE_H
#define GAVEL_UNIT_LIFE_H

#include "deploy/manifest.h"
#include "deploy/rules.h"
#include "provider/book_db.h"

enum unit_state {
	UNIT_UNKNOWN, /* nobody has looked since we began */
	UNIT_WORKING, /* a task brings it up or takes it down */
	UNIT_RUNNING,
	UNIT_EXITED,   /* by itself */
	UNIT_FINISHED, /* and stays so */
	UNIT_FAILED,   /* could not be brought up */
};

struct unit_life {
	enum unit_state state;
	bool ready;	/* traffic may come */
	bool was_ready; /* once, since it was last planned */
	bool ill;	/* its health check has failed often enough */
	int exit_code;	/* of the last exit; -1: not known */
	bool oom;
	uint32_t restarts; /* all of them */
	uint32_t in_row;   /* ends of which each came soon after its start */
	mono_t started_at, ended_at;
	uint32_t failures[SERVICE_CHECKS_MAX]; /* in a row, by the manifest's checks */
};

enum unit_want { UNIT_NOTHING, UNIT_UP, UNIT_DOWN };

#define UNIT_PAUSE_MAX_US (60 * SECOND_US)
#define UNIT_LASTED_US	  (60 * SECOND_US)

int64_t unit_pause(uint32_t in_row) mustcheck;
enum unit_want unit_want(const struct unit_life *u, enum unit_role role, mono_t now) mustcheck;
/* While its lease is paused: what is there is taken down, and nothing comes up. */
enum unit_want
unit_want_paused(const struct unit_life *u, enum unit_role role, mono_t now) mustcheck;

/* What happened. */
void unit_began(struct unit_life *u, mono_t now);
void unit_ended(struct unit_life *u, const struct service *s, int exit_code, bool oom, mono_t now);
void unit_failed(struct unit_life *u, mono_t now);
/* It was taken down, to be brought up again; one that was ill and is never to be
 * started again (`never`) has finished. */
void unit_removed(struct unit_life *u, bool never, mono_t now);
/* Whether nobody has seen it start or end since we began. */
bool unit_is_news(const struct unit_life *u) mustcheck;
/* One answer of check number `check` of the service. */
void
unit_checked(struct unit_life *u, const struct service *s, size_t check, bool good, mono_t now);

const char *unit_state_name(const struct unit_life *u, enum unit_role role);

#endif
