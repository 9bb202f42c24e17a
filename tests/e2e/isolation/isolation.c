/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls around a workload, from inside: the real jail runs a program that
 * tries to get out. Whatever is expected to fail is tried first in a control
 * without the walls, where it must succeed; what cannot succeed there on this
 * kernel is named and not counted.
 *
 *	isolation [calls|paths|reach|bombs|selfcheck]...
 *
 * Needs root, runc, umoci, nft, ip, tc and a static busybox; skips without them.
 * Touches no network outside its own namespaces and veths.
 */
#include <unistd.h>

#include "kit.h"

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = { { "selfcheck", test_selfcheck },
	      { "calls", test_calls },
	      { "paths", test_paths },
	      { "reach", test_reach },
	      { "bombs", test_bombs } };

static bool
wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

int
main(int argc, char **argv)
{
	if (geteuid() != 0 || system("command -v runc umoci nft ip tc busybox >/dev/null") != 0) {
		printf("1..0 # SKIP needs root, runc, umoci, nft, ip, tc, busybox\n");
		return 77;
	}
	kit_begin();
	for (size_t i = 0; i < NELEMS(parts); i++)
		if (wanted(argc, argv, parts[i].name))
			parts[i].run();
	kit_end();
	return kit_done();
}
