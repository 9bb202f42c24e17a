/* SPDX-License-Identifier: Apache-2.0 */
/* The AppArmor profile: what it must say, and whether its compiler takes it when
 * it is there. It is not loaded: that needs a kernel that has AppArmor. */
#include "deploy/apparmor.h"
#include "lib/proc.h"
#include "tests/unit/tap.h"

static void
test_text(void)
{
	static const char *const must[] = { "profile gavel-lease ",
					    "deny capability,",
					    "deny mount,",
					    "deny remount,",
					    "deny umount,",
					    "deny pivot_root,",
					    "deny change_profile,",
					    "deny /proc/sys/** wklx,",
					    "deny /proc/sysrq-trigger rwklx,",
					    "deny /sys/** wklx,",
					    "deny network vsock,",
					    "signal (receive) peer=unconfined," };
	static const char *const never[] = { "unconfined)",	  "\n\tcapability",  "\n\tmount",
					     "\n\tptrace (trace", "flags=(complain", "\n\tnetwork,",
					     "#include",	  "deny file" };
	const char *text = apparmor_text();
	int depth = 0;

	for (size_t i = 0; i < NELEMS(must); i++)
		ok(strstr(text, must[i]) != NULL, "it says: %s", must[i]);
	for (size_t i = 0; i < NELEMS(never); i++)
		ok(strstr(text, never[i]) == NULL, "it does not say %zu", i);
	for (const char *p = text; *p != '\0'; p++)
		depth += (*p == '{') - (*p == '}');
	is_int(depth, 0, "its brackets close");
}

static int
parses(struct arena *a, const char *text)
{
	const char *argv[] = { "apparmor_parser", "--skip-kernel-load", "--skip-cache", NULL };
	struct proc p = { .argv = argv, .input = text, .input_len = strlen(text) };
	struct err e = ERR_NONE;

	if (proc_now(a, &p, &e) < 0 || p.status == 127)
		return -1;
	if (p.status != 0)
		printf("# %.300s\n", p.err);
	return p.status == 0;
}

static void
test_compiler(void)
{
	struct arena a;

	arena_init(&a, 0);
	if (parses(&a, apparmor_text()) < 0) {
		ok(true, "apparmor_parser takes it # SKIP needs apparmor_parser");
	} else {
		ok(parses(&a, apparmor_text()) == 1, "apparmor_parser takes it");
		ok(parses(&a, "profile x { deny nonsense, }") == 0, "and refuses another");
	}
	arena_release(&a);
}

int
main(void)
{
	test_text();
	test_compiler();
	return tap_done();
}
