/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/lsm.h"

#include "deploy/apparmor.h"
#include "lib/proc.h"

#define ENABLED "/sys/module/apparmor/parameters/enabled"

bool
lsm_enabled_in(const char *path)
{
	FILE *f = fopen(path, "re");
	int first = EOF;

	if (f != NULL) {
		first = fgetc(f);
		fclose(f);
	}
	return first == 'Y';
}

bool
lsm_enabled(void)
{
	return lsm_enabled_in(ENABLED);
}

const char *
lsm_profile(void)
{
	return lsm_enabled() ? APPARMOR_PROFILE : NULL;
}

int
lsm_load(struct err *e)
{
	const char *text = apparmor_text();
	const char *argv[] = { "apparmor_parser", "--replace", "--skip-cache", NULL };
	struct proc p = { .argv = argv, .input = text, .input_len = strlen(text) };
	struct arena a;
	int result;

	if (!lsm_enabled())
		return 0;
	arena_init(&a, 0);
	result = proc_now(&a, &p, e) < 0 || proc_check(&p, e) < 0
			 ? err_wrap(e, "load the AppArmor profile")
			 : 0;
	arena_release(&a);
	return result;
}
