/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - gavel-provider check: everything that must hold before this machine
 * is offered, one line each, with the cure. Changes nothing.
 */
#ifndef GAVEL_CHECK_H
#define GAVEL_CHECK_H

#include "provider/jail/jail.h"
#include "provider/settings.h"

/* Prints the lines, or one JSON document; whether all that must hold holds.
 * `config`: NULL when it cannot be made (the user is missing); s->capacity is
 * filled in. */
bool check_run(struct provider_settings *s, const struct jail_config *config, bool json);

#endif
