/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h: alignment, zeroing, growth, the ceiling, hooks. */
#include "lib/arena.h"

#include "tests/unit/tap.h"

static void
test_alloc(void)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 4095, 4096, 4097, 100000, 3 };
	struct arena a;

	arena_init(&a, 0);
	for (size_t i = 0; i < NELEMS(sizes); i++) {
		unsigned char *p = arena_alloc(&a, sizes[i]);
		bool zero = true;

		ok((uintptr_t)p % _Alignof(max_align_t) == 0, "%zu bytes are aligned", sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			zero = zero && p[k] == 0;
		ok(zero, "%zu bytes are zero", sizes[i]);
		memset(p, 0xff, sizes[i]);
	}
	ok(!a.over, "without a ceiling nothing is over");
	arena_release(&a);
	ok(a.used == 0 && a.blocks == NULL, "a release empties");
	ok(*(char *)arena_alloc(&a, 64) == 0, "and the arena serves again, zeroed");
	arena_release(&a);
}

static void
test_text(void)
{
	struct arena a;
	char *s;

	arena_init(&a, 0);
	is_str(arena_strdup(&a, ""), "", "an empty string");
	is_str(arena_strndup(&a, "abcdef", 3), "abc", "a part of a string");
	is_str(arena_printf(&a, "%s-%d", "x", 7), "x-7", "a formatted string");
	s = arena_printf(&a, "%05000d", 1);
	is_int((long long)strlen(s), 5000, "a string longer than a block");
	is_str(arena_copy(&a, "ab", 3), "ab", "a copy of bytes");
	ok(arena_copy(&a, NULL, 0) != NULL, "a copy of nothing is not NULL");
	arena_release(&a);
}

static void
test_grow(void)
{
	struct arena a;
	unsigned *items = NULL;
	bool same = true;

	arena_init(&a, 0);
	for (unsigned i = 0; i < 1000; i++) {
		items = arena_grow(&a, items, i, sizeof(*items));
		items[i] = i * 3;
	}
	for (unsigned i = 0; i < 1000; i++)
		same = same && items[i] == i * 3;
	ok(same, "a growing array keeps its elements");
	ok(a.used < 5 * 1000 * sizeof(*items), "and wastes no more than doubling does");
	arena_release(&a);
}

static void
test_ceiling(void)
{
	struct arena a;
	char *p;

	arena_init(&a, 1024);
	p = arena_alloc(&a, 1024);
	ok(p != NULL && !a.over, "up to the ceiling is allowed");
	p = arena_alloc(&a, 1);
	ok(p != NULL, "past it there is still memory");
	ok(a.over, "and the arena is marked");
	p[0] = 1;
	arena_release(&a);
	ok(!a.over && a.max == 1024, "a release clears the mark and keeps the ceiling");
}

static char order_of_hooks[8];

static void
hook(void *arg)
{
	strncat(order_of_hooks, arg, 1);
}

static void
test_hooks(void)
{
	static char first[] = "1", second[] = "2", third[] = "3";
	struct arena a;

	arena_init(&a, 0);
	arena_defer(&a, hook, first);
	arena_defer(&a, hook, second);
	arena_defer(&a, hook, third);
	is_str(order_of_hooks, "", "hooks wait for the release");
	arena_release(&a);
	is_str(order_of_hooks, "321", "hooks run last first");
	arena_release(&a);
	is_str(order_of_hooks, "321", "and once");
}

int
main(void)
{
	test_alloc();
	test_text();
	test_grow();
	test_ceiling();
	test_hooks();
	return tap_done();
}
