/* SPDX-License-Identifier: Apache-2.0 */
/*
 * book_db.h: the bid of a round is what was put first, over restarts and whatever is
 * put later; another round has its own.
 */
#include "provider/book_db.h"

#include <unistd.h>

#include "tests/unit/tap.h"

static struct arena arena;
static char path[] = "/tmp/gavel-sent-XXXXXX";

static struct book *
book(void)
{
	struct err e = ERR_NONE;
	struct book *b = book_open(path, &e);

	if (b == NULL)
		fatal("%s", e.text);
	return b;
}

static const char *
put(struct book *b, const struct hash *order, uint32_t round, const char *post, wall_t now)
{
	struct err e = ERR_NONE;
	const char *out = "";

	return book_sent_put(b, &arena, order, round, post, now, &out, &e) < 0 ? "failed" : out;
}

int
main(void)
{
	struct hash order = { { 1 } }, other = { { 2 } };
	int fd = mkstemp(path);
	struct book *b;

	arena_init(&arena, 0);
	close(fd);
	b = book();
	ok(book_sent(b, &arena, &order, 1) == NULL, "no bid before the first");
	is_str(put(b, &order, 1, "first", 1000), "first", "the first is kept");
	is_str(put(b, &order, 1, "second", 2000), "first", "a second for the same round is not");
	is_str(put(b, &order, 2, "next", 2000), "next", "the next round has its own");
	is_str(put(b, &other, 1, "other", 2000), "other", "and so has another order");
	book_close(b);
	b = book();
	is_str(book_sent(b, &arena, &order, 1), "first", "after a restart it is there");
	is_str(put(b, &order, 1, "third", 3000), "first", "and still the only one");
	is_str(put(b, &other, 2, "late", 2000 + 2 * 86400 * SECOND_US), "late", "days later");
	ok(book_sent(b, &arena, &order, 1) == NULL, "old ones are forgotten");
	book_close(b);
	unlink(path);
	unlink(arena_printf(&arena, "%s-wal", path));
	unlink(arena_printf(&arena, "%s-shm", path));
	arena_release(&arena);
	return tap_done();
}
