/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to somebody who mistyped a command or an option. */
#include <getopt.h>
#include <unistd.h>

#include "tenant/tenant.h"

#define NEAR 2u /* letters that may differ */

/* Levenshtein's distance; of words that are too long, none is near. */
static unsigned
distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned row[64], previous, current;

	if (la >= NELEMS(row) || lb >= NELEMS(row))
		return NEAR + 1;
	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		previous = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			current = row[j];
			row[j] = MIN(MIN(row[j] + 1, row[j - 1] + 1),
				     previous + (a[i - 1] != b[j - 1]));
			previous = current;
		}
	}
	return row[lb];
}

const char *
command_nearest(const struct command *commands, size_t count, const char *name)
{
	const char *best = NULL;
	unsigned least = NEAR + 1;

	for (size_t i = 0; i < count; i++) {
		unsigned d = distance(commands[i].name, name);

		if (d < least && d < strlen(name)) {
			least = d;
			best = commands[i].name;
		}
	}
	return best;
}

int
option_fault(char **argv, const char *command, struct err *e)
{
	const char *at = argv[optind - 1];

	if (at[0] == '-' && at[1] == '-' && optopt == 0)
		return err_field(e, &TENANT_USAGE, "option",
				 "there is no option %.60s: gavel%s%s --help lists them", at,
				 *command != '\0' ? " " : "", command);
	if (at[0] == '-' && at[1] == '-')
		return err_field(e, &TENANT_USAGE, "option",
				 "the option %.60s takes %s: see gavel%s%s --help", at,
				 strchr(at, '=') != NULL ? "no value" : "a value",
				 *command != '\0' ? " " : "", command);
	return err_field(e, &TENANT_USAGE, "option",
			 "there is no option -%c, or its value is missing: see gavel%s%s --help",
			 optopt, *command != '\0' ? " " : "", command);
}
