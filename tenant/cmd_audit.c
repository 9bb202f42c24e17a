/* SPDX-License-Identifier: Apache-2.0 */
/* gavel audit: which kind of audit; each has a file of its own. */
#include "tenant/tenant.h"

static const struct command kinds[] = {
	{ "auction", "", "", "", cmd_audit_auction }, { "tick", "", "", "", cmd_audit_tick },
	{ "heads", "", "", "", cmd_audit_heads },     { "ledger", "", "", "", cmd_audit_ledger },
	{ "pool", "", "", "", cmd_audit_pool },	      { "sign", "", "", "", cmd_audit_sign },
	{ "lease", "", "", "", cmd_audit_lease },     { "revoke", "", "", "", cmd_audit_revoke },
	{ "list", "", "", "", cmd_audit_list },
};

int
cmd_audit(struct context *c, int argc, char **argv, struct err *e)
{
	const char *near;

	for (size_t i = 0; argc > 1 && i < NELEMS(kinds); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			return kinds[i].run(c, argc, argv, e);
	near = argc > 1 ? command_nearest(kinds, NELEMS(kinds), argv[1]) : NULL;
	if (near != NULL)
		return err_set(e, &TENANT_USAGE, "audit %.40s: did you mean %s?", argv[1], near);
	return err_set(e, &TENANT_USAGE,
		       "audit auction NAME, audit tick N, audit heads, audit lease NAME, audit "
		       "ledger, audit pool "
		       "PROVIDER [CLASS], or audit sign, revoke, list");
}
