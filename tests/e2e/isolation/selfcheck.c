/* SPDX-License-Identifier: Apache-2.0 */
/* The self-check for real, and a host that it must refuse. */
#include "kit.h"

#include <dirent.h>

#include "lib/clock.h"
#include "provider/jail/selfcheck.h"

static int
no_overlay(const struct jail_config *c, struct err *e)
{
	(void)c;
	return err_set(e, &ERR_SYSTEM, "made up for the test");
}

static int
entries_of(const char *path)
{
	DIR *d = opendir(path);
	int count = 0;

	while (d != NULL && readdir(d) != NULL)
		count++;
	if (d != NULL)
		closedir(d);
	return count;
}

void
test_selfcheck(void)
{
	struct selfcheck_result results[SELFCHECK_COUNT];
	struct selfcheck_probes lame = selfcheck_real;
	struct jail_config old = kit_config;
	struct err e = ERR_NONE;
	int before = entries_of(kit_config.state_dir);
	mono_t begin = clock_mono();
	int failed = selfcheck(&kit_config, &selfcheck_real, results);

	check(failed == 0, "this host is fit, found in %lld ms",
	      (long long)((clock_mono() - begin) / MILLI_US));
	for (size_t i = 0; i < SELFCHECK_COUNT; i++)
		check(results[i].ok || !results[i].fatal, "%s: %s%s%s", results[i].name,
		      results[i].promise, results[i].ok ? "" : ": ", results[i].detail);
	check(entries_of(kit_config.state_dir) == before, "it leaves nothing in the directory");
	check(kit_shell("! grep -F .check- /proc/mounts >&2; ! losetup -a | grep -F .check- >&2") ==
		      0,
	      "and neither mount nor loop device");
	lame.probe[SELFCHECK_OVERLAY] = no_overlay;
	check(selfcheck(&kit_config, &lame, results) == 1 && !results[SELFCHECK_OVERLAY].ok,
	      "without overlay it is not");
	check(selfcheck_verdict(results, &e) < 0 && e.code == &HOST_UNFIT, "and says: %s", e.text);
	/* ids beyond the last: the kernel takes no such map. */
	old.uid_base = UINT32_MAX - 1000;
	e = (struct err)ERR_NONE;
	check(selfcheck_real.probe[SELFCHECK_USERNS](&old, &e) < 0, "ids out of range: %s", e.text);
	check(selfcheck_real.probe[SELFCHECK_IDMAP](&old, &e) < 0, "nor shifted: %s", e.text);
	old = kit_config;
	old.state_dir = "/proc/gavel";
	check(selfcheck_real.probe[SELFCHECK_IDMAP](&old, &e) < 0, "a state_dir in /proc: %s",
	      e.text);
	old = kit_config;
	old.net.tag = "}{;";
	check(selfcheck_real.probe[SELFCHECK_FILTER](&old, &e) < 0, "a table nft refuses: %s",
	      e.text);
	old = kit_config;
	old.accept_old_runc = false;
	if (selfcheck_real.probe[SELFCHECK_RUNC](&old, &e) < 0)
		check(jail_prepare(&old, &e) < 0 && e.code == &HOST_UNFIT &&
			      strstr(e.text, "runc") == e.text,
		      "an old runc is refused: %s", e.text);
	else
		check(jail_prepare(&old, &e) == 0, "a new runc is taken %s", e.text);
}
