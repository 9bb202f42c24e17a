/* SPDX-License-Identifier: Apache-2.0 */
/* System calls from inside, as root of the user namespace and as nobody special. */
#include "kit.h"

#define CALLS_WANTED 51

/* What must work inside as well: the probe that is refused everything proves
 * nothing. All others must be refused. */
static const char *const allowed[] = {
	"clone",
	"socket(unix)",
	"socket(inet)",
	"socket(inet6)",
	"socket(route)",
	"memfd_create",
	"pidfd_open",
	"setuid(own)",
	"getrandom",
	"mmap",
	"inotify_init1",
	"landlock_create_ruleset",
	"personality(ask)",
	"mknod(fifo)",
	"kill(1, CONT)",
};

static bool
is_allowed(const char *name)
{
	for (size_t i = 0; i < NELEMS(allowed); i++)
		if (strcmp(allowed[i], name) == 0)
			return true;
	return false;
}

/* EPERM by the filter or the kernel, ENOSYS for what is said not to exist, EACCES
 * for the one call that answers so; SIGSYS for another table of calls. */
static bool
is_refusal(const char *result)
{
	static const char *const refusals[] = { "EPERM", "ENOSYS", "EACCES", "signal 31" };

	for (size_t i = 0; result != NULL && i < NELEMS(refusals); i++)
		if (strcmp(result, refusals[i]) == 0)
			return true;
	return false;
}

/* What the control says of a call that was let in, whatever became of it. */
static bool
is_let_in(const char *result)
{
	static const char *const absent[] = { "EAFNOSUPPORT", "EPROTONOSUPPORT",
					      "ESOCKTNOSUPPORT" };

	for (size_t i = 0; i < NELEMS(absent); i++)
		if (strcmp(result, absent[i]) == 0)
			return false;
	return !is_refusal(result) && strncmp(result, "signal", 6) != 0 &&
	       strncmp(result, "no ", 3) != 0;
}

void
test_calls(void)
{
	static const char *const args[] = { "/bin/probe", "calls", NULL };
	const struct lease_want user = { .uid = 1000 };
	const char *control = control_said(args, 0), *line, *as_root, *as_user;
	int seen = 0, told = 0;

	if (!lease_run(0, args, NULL) || !lease_run(1, args, &user))
		return;
	as_root = lease_said(0, "end|calls|ok");
	as_user = lease_said(1, "end|calls|ok");
	for (line = control; (line = strstr(line, "call|")) != NULL; line++) {
		const char *name = arena_strndup(&kit_arena, line + 5, strcspn(line + 5, "|"));
		const char *free_result = answer(control, "call", name);
		const char *root = answer(as_root, "call", name);
		const char *uid1000 = answer(as_user, "call", name);

		told++;
		if (is_allowed(name)) {
			check(strcmp(free_result, "ok") == 0 && root != NULL && uid1000 != NULL &&
				      strcmp(root, "ok") == 0 && strcmp(uid1000, "ok") == 0,
			      "allowed: %s: control %s, root %s, user %s", name, free_result, root,
			      uid1000);
			continue;
		}
		seen += is_let_in(free_result);
		check(is_refusal(root) && is_refusal(uid1000),
		      "refused: %s: control %s%s, root %s, user %s", name, free_result,
		      is_let_in(free_result) ? "" : " (not on this kernel)", root, uid1000);
	}
	check(told > CALLS_WANTED && answer(control, "end", "calls") != NULL,
	      "the control came to the end: %d calls", told);
	check(seen >= CALLS_WANTED, "%d refused calls were seen to be let in without walls", seen);
	check(lease_destroy(0) && lease_destroy(1), "both leases go");
	check(!lease_left(0) && !lease_left(1), "and nothing of them is left");
}
