/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose_fuzz.c - any bytes as a compose file: what comes out is YAML of a
 * deployment file, with no finding of its form: each key is known.
 *
 *	clang -fsanitize=fuzzer,address,undefined
 */
#include "deploy/compose.h"
#include "deploy/sdl.h"
#include "lib/json.h"
#include "lib/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(bool truth, const char *what, const char *text)
{
	if (!truth) {
		fprintf(stderr, "broken: %s\n%s", what, text);
		abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena a;
	struct err e = ERR_NONE;
	struct compose made;
	struct sdl sdl;

	arena_init(&a, 0);
	if (compose_convert(&a, "fuzz.yml", (const char *)data, len, &made, &e) == 0) {
		for (size_t i = 0; i < made.note_count; i++)
			must(*compose_note_text(&a, "fuzz.yml", &made.notes[i]) != '\0',
			     "a note has a text", made.sdl);
		if (sdl_read(&a, "made.yaml", made.sdl, strlen(made.sdl), &sdl, &e) < 0)
			must(e.code == &SDL_INVALID || e.code == &ERR_TOO_BIG, "the result is YAML",
			     made.sdl);
		for (size_t i = 0; i < sdl.finding_count; i++)
			must(strstr(sdl.findings[i].rule, "there is no key") == NULL &&
				     strstr(sdl.findings[i].rule, "is missing") == NULL,
			     sdl.findings[i].rule, made.sdl);
	}
	arena_release(&a);
	return 0;
}
