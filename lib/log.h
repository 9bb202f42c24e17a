/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line per fact, at the edge.
 *
 *	log_info("bid.placed", "order=%s units=%s", ...);
 *	2026-11-25T05:10:35.123456Z info market/web bid.placed order=ord_... units=12
 *
 * An event name, then key=value. Time, level and role are added. No secrets,
 * no bodies. Control characters are escaped, so that one fact is one line.
 */
#ifndef GAVEL_LOG_H
#define GAVEL_LOG_H

#include "err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* The role is borrowed for ever ("market/web"). Lines go to stderr. */
void log_init(const char *role, enum log_level least);
void log_event(enum log_level level, const char *event, const char *fmt, ...) printflike(3, 4);

#define log_debug(...) log_event(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_event(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_event(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_event(LOG_ERROR, __VA_ARGS__)

#endif
