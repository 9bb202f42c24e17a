/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fmt_fuzz.c - any bytes, formatted and mended: what is YAML can be formatted or
 * is refused with a code, a second time changes nothing, and mending never adds
 * a finding.
 *
 *	clang -fsanitize=fuzzer,address,undefined
 */
#include "deploy/sdl_format.h"
#include "deploy/sdl_lint.h"
#include "lib/yaml_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(bool truth, const char *what)
{
	if (!truth) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena a;
	struct err e = ERR_NONE;
	struct sdl_lint lint;
	const char *once, *twice, *text;

	arena_init(&a, 0);
	text = arena_strndup(&a, (const char *)data, len);
	if (sdl_format(&a, "fuzz.yaml", text, len, &once, &e) == 0) {
		must(sdl_format(&a, "fuzz.yaml", once, strlen(once), &twice, &e) == 0 ||
			     e.code == &ERR_TOO_BIG,
		     "what was formatted can be formatted");
		must(e.code != NULL || strcmp(once, twice) == 0, "the second time changes nothing");
	} else {
		must(e.code != &SDL_CHANGED && e.code != &YAML_FORMAT,
		     "what is YAML can be formatted");
	}
	e = (struct err)ERR_NONE;
	if (sdl_lint(&a, "fuzz.yaml", text, len, &lint, &e) == 0)
		must(lint.left <= lint.finding_count, "mending makes nothing worse");
	arena_release(&a);
	return 0;
}
