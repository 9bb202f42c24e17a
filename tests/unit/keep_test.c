/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes of leases in the book: planned, kept, taken over, given up; and when
 * an accepted lease lapses.
 */
#include <unistd.h>

#include "lib/clock.h"
#include "provider/agent.h"
#include "tests/unit/tap.h"

#define GIB (UINT64_C(1) << 30)

static struct arena arena;
static struct volume_class classes[] = { { "beta2", NULL, 10 * GIB }, { "beta3", NULL, GIB } };
static struct provider_settings settings = {
	.capacity = { .cpu_milli = 4000,
		      .endpoints = 50,
		      .memory_bytes = 8 * GIB,
		      .storage_bytes = 8 * GIB,
		      .persistent_bytes = 11 * GIB },
	.volumes = { classes, 2 },
	.volume_keep_s = 3600,
};
static const char *self = "0x0000000000000000000000000000000000000009";
static struct agent agent = { .settings = &settings };

static struct mount mounts[] = {
	{ .volume = "cache", .path = "/cache" },
	{ .volume = "data", .path = "/data", .class = "beta2", .bytes = 2 * GIB, .readonly = true }
};
static struct volume volumes[] = { { "data", 2 * GIB, "beta2" } };
static struct service service;
static struct group_service bought;

static struct manifest
manifest_of(const char *from)
{
	service = (struct service){ .name = "db",
				    .image = "db:1",
				    .count = 2,
				    .mounts = { mounts, 2 },
				    .volumes_from = from };
	return (struct manifest){ .group = "g", .services = { &service, 1 } };
}

/* A lease of two copies, numbered. */
static struct work
work_of(uint8_t number, uint8_t tenant)
{
	struct work w = { .hash = { { number } },
			  .id = { { number } },
			  .unit_count = 2,
			  .terms = { .tenant = { { tenant } } } };

	bought = (struct group_service){ .name = "db",
					 .count = 2,
					 .resources = { .persistent_bytes = 2 * GIB },
					 .volumes = { volumes, 1 } };
	w.award.group = (struct group){ .name = "g", .services = { &bought, 1 } };
	w.units[1].slot = 1;
	w.units[1].copy = 1;
	return w;
}

static struct book_volume *
rows(size_t *count)
{
	struct book_volume *list = NULL;
	struct err e = ERR_NONE;

	if (book_volumes(agent.book, &arena, &list, count, &e) < 0)
		printf("# %s\n", e.text);
	return list;
}

static const char *
hex(uint8_t number)
{
	struct hash h = { { number } };

	return hash_text(&h, arena_alloc(&arena, HASH_TEXT_SIZE));
}

static void
test_plan(void)
{
	struct manifest m = manifest_of(NULL);
	struct work w = work_of(1, 7);
	struct jail_create *call = arena_alloc(&arena, sizeof(*call));
	struct book_volume *list;
	struct err e = ERR_NONE;
	size_t count, len = 0;

	is_int(volumes_plan(&agent, &arena, &w, &m, &e), 0, "plan");
	is_int(volumes_plan(&agent, &arena, &w, &m, &e), 0, "plan again");
	list = rows(&count);
	ok(count == 2 && list[0].copy == 0 && list[1].copy == 1 && list[0].until == 0,
	   "one volume for each copy, in use");
	is_int(volumes_pack(&agent, &arena, &w, &m, 1, call, &len, &e), 0, "pack copy 1");
	ok(call->mount_count == 2 && call->mounts[0].kind == JAIL_MOUNT_DISK &&
		   call->mounts[1].kind == JAIL_MOUNT_VOLUME && call->mounts[1].readonly == 1 &&
		   call->mounts[1].volume.class == 0 && call->mounts[1].volume.ref.copy == 1 &&
		   strcmp(call->text, "/cache") == 0 && strcmp(call->text + 7, "/data") == 0,
	   "a directory and its own volume, read-only");
	ok(call->shm_bytes == 0, "/dev/shm of the usual size");
	memset(call, 0, sizeof(*call));
	mounts[0] =
		(struct mount){ .volume = "shm", .path = "/dev/shm", .class = "ram", .bytes = GIB };
	is_int(volumes_pack(&agent, &arena, &w, &m, 1, call, &len, &e), 0, "memory at /dev/shm");
	ok(call->shm_bytes == GIB && call->mount_count == 1 &&
		   strcmp(call->mounts[0].volume.name, "data") == 0,
	   "is its size and no mount of its own");
	mounts[0] = (struct mount){ .volume = "cache", .path = "/cache" };
}

static void
test_end(void)
{
	struct work w = work_of(1, 7);
	struct book_volume *list;
	struct err e = ERR_NONE;
	struct room room;
	size_t count;

	w.meter.began = 1;
	is_int(volumes_end(&agent, &w, &e), 0, "the lease ends");
	list = rows(&count);
	ok(count == 2 && list[0].until > clock_wall() + 3590 * SECOND_US &&
		   list[0].until <= clock_wall() + 3600 * SECOND_US,
	   "its volumes are kept for the time of the settings");
	is_int(agent_room(&agent, &arena, &w.terms.tenant, &w.award.group, &room, &e), 0, "room");
	ok(room.class_bytes[0] == 6 * GIB && room.free.persistent_bytes == 7 * GIB,
	   "and count against what is left");
	w.award.group.allow = (struct json_strs){ &self, 1 };
	is_int(agent_room(&agent, &arena, &w.terms.tenant, &w.award.group, &room, &e), 0, "room");
	ok(room.class_bytes[0] == 10 * GIB, "but not for an order that may take them over");
	w.terms.tenant.b[0]++;
	is_int(agent_room(&agent, &arena, &w.terms.tenant, &w.award.group, &room, &e), 0, "room");
	ok(room.class_bytes[0] == 6 * GIB, "for that of another tenant they do");
}

/* Any endpoint may turn out to be one of HTTP. */
static void
test_routes(void)
{
	struct work w = work_of(1, 7);
	struct err e = ERR_NONE;
	struct room room;

	settings.ingress_routes = 20;
	is_int(agent_room(&agent, &arena, &w.terms.tenant, &w.award.group, &room, &e), 0, "room");
	is_int(room.free.endpoints, 50, "without ingress every port is for sale");
	settings.ingress_http = 80;
	is_int(agent_room(&agent, &arena, &w.terms.tenant, &w.award.group, &room, &e), 0, "room");
	is_int(room.free.endpoints, 20, "with it no more than it has routes");
	settings.ingress_http = 0;
}

/* Won by the promise of taking over, and then it does not. */
static void
test_promise(void)
{
	struct manifest m = manifest_of(NULL);
	struct work w = work_of(9, 7);
	struct err e = ERR_NONE;

	w.award.group.allow = (struct json_strs){ &self, 1 };
	is_int(volumes_can_take(&agent, &arena, &w, &m, &e), 0, "there is room for both");
	classes[0].bytes = 5 * GIB;
	ok(volumes_can_take(&agent, &arena, &w, &m, &e) < 0 && e.code == &VOLUMES_MISSING,
	   "there is none: %s", e.text);
	classes[0].bytes = 10 * GIB;
}

static void
test_take(void)
{
	struct manifest m = manifest_of(hex(1));
	struct work other = work_of(2, 8), w = work_of(3, 7);
	struct jail_create *call = arena_alloc(&arena, sizeof(*call));
	struct book_volume *list, before;
	struct err e = ERR_NONE;
	struct room room;
	size_t count, len = 0;

	before = rows(&count)[0];
	ok(volumes_can_take(&agent, &arena, &other, &m, &e) < 0 && e.code == &VOLUMES_MISSING,
	   "another tenant: %s", e.text);
	mounts[1].bytes = GIB;
	ok(volumes_can_take(&agent, &arena, &w, &m, &e) < 0 && e.code == &VOLUMES_MISSING,
	   "another size: %s", e.text);
	mounts[1].bytes = 2 * GIB;
	is_int(volumes_can_take(&agent, &arena, &w, &m, &e), 0, "the same tenant");
	is_int(volumes_plan(&agent, &arena, &w, &m, &e), 0, "takes them over");
	list = rows(&count);
	ok(count == 2 && strcmp(list[0].id, before.id) == 0 && list[0].until == 0 &&
		   hash_equal(&list[0].lease, &w.hash),
	   "under the id they have, in use again");
	is_int(volumes_pack(&agent, &arena, &w, &m, 0, call, &len, &e), 0, "pack");
	ok(strncmp(call->mounts[1].volume.ref.name, before.id, 26) == 0,
	   "the jail is told the old id");
	m = manifest_of(hex(3));
	w = work_of(4, 7);
	ok(volumes_can_take(&agent, &arena, &w, &m, &e) < 0 && e.code == &VOLUMES_MISSING,
	   "from a lease that lives: %s", e.text);
	is_int(agent_room(&agent, &arena, &w.terms.tenant, &w.award.group, &room, &e), 0, "room");
	ok(room.class_bytes[0] == 10 * GIB, "in use, they count with their lease only");
}

/* Its time is over: it is on its way out, whoever wants it. */
static void
test_too_late(void)
{
	struct manifest m = manifest_of(hex(1));
	struct work w = work_of(3, 7);
	struct book_volume *list;
	struct err e = ERR_NONE;
	size_t count, left;

	list = rows(&count);
	for (size_t i = 0; i < count; i++) {
		list[i].until = clock_wall();
		is_int(book_volume_put(agent.book, &list[i], &e), 0, "kept until now");
	}
	ok(volumes_can_take(&agent, &arena, &w, &m, &e) < 0 && e.code == &VOLUMES_MISSING,
	   "kept long enough: %s", e.text);
	for (size_t i = 0; i < count; i++) {
		list[i].until = 0;
		is_int(book_volume_put(agent.book, &list[i], &e), 0, "in use");
		is_int(book_volume_drop(agent.book, list[i].id, &e), 0, "drop");
	}
	(void)rows(&left);
	ok(left == count, "the row of a volume in use stays");
	for (size_t i = 0; i < count; i++) {
		list[i].until = clock_wall() + 3600 * SECOND_US;
		is_int(book_volume_put(agent.book, &list[i], &e), 0, "kept");
	}
}

static void
test_give_up(void)
{
	struct work w = work_of(3, 7), never = work_of(5, 7);
	struct manifest m = manifest_of(NULL);
	struct err e = ERR_NONE;
	struct book_volume *list;
	size_t count;

	/* Taken over by a lease that never ran: still the tenant's data. */
	is_int(volumes_end(&agent, &w, &e), 0, "a lease that took over ends before it ran");
	ok(rows(&count)[0].until > clock_wall() + SECOND_US, "what it took over is kept");
	for (size_t i = 0; i < 2; i++)
		is_int(book_volume_drop(agent.book, rows(&count)[0].id, &e), 0, "drop");
	is_int(volumes_plan(&agent, &arena, &never, &m, &e), 0, "plan another");
	is_int(volumes_end(&agent, &never, &e), 0, "it never ran");
	list = rows(&count);
	ok(count == 2 && list[0].until <= clock_wall(), "what it made is not kept");
	is_int(volumes_plan(&agent, &arena, &never, &m, &e), 0, "plan");
	w = work_of(6, 7);
	w.meter.began = 1;
	w.volumes_delete = true;
	is_int(volumes_plan(&agent, &arena, &w, &m, &e), 0, "plan a third");
	is_int(volumes_end(&agent, &w, &e), 0, "closed with delete");
	list = rows(&count);
	ok(count == 4 && list[0].until <= clock_wall() && list[3].until <= clock_wall(),
	   "goes at once");
}

static void
test_lapse(void)
{
	struct work w = { .state = WORK_ACCEPTED, .terms = { .openBy = 1000 } };
	wall_t late = 1061 * SECOND_US;

	ok(!work_has_lapsed(&w, 999 * SECOND_US), "it may still be opened");
	ok(!work_has_lapsed(&w, 1059 * SECOND_US), "a late block may show it");
	ok(work_has_lapsed(&w, late), "it has lapsed");
	w.meter.began = 1;
	ok(!work_has_lapsed(&w, late), "what was opened does not lapse");
	w.meter.began = 0;
	w.state = WORK_RUNNING;
	ok(!work_has_lapsed(&w, late), "nor what runs");
}

/* What a stranger's text does to the book: nothing. */
static void
test_strange_text(void)
{
	struct work w = work_of(21, 7), other = work_of(22, 7), *works;
	struct err e = ERR_NONE;
	size_t count;

	w.award.group.billing = other.award.group.billing = "reserved";
	w.update_failure = "cut in the middle of a letter: \xc3";
	w.state = other.state = WORK_RUNNING;
	ok(book_put(agent.book, &w, &e) == 0 && book_put(agent.book, &other, &e) == 0, "put");
	ok(book_live(agent.book, &arena, &works, &count, &e) == 0 && count >= 2, "both are read");
	ok(book_get(agent.book, &arena, &w.hash, &w, &e) == 1, "this one too: %s", e.text);
	w.state = other.state = WORK_ENDED;
	(void)!book_put(agent.book, &w, &e);
	(void)!book_put(agent.book, &other, &e);
}

int
main(void)
{
	struct err e = ERR_NONE;
	char path[64];

	arena_init(&arena, 0);
	snprintf(path, sizeof(path), "/tmp/gavel-keep-test.%d", getpid());
	agent.book = book_open(path, &e);
	if (agent.book == NULL)
		fatal("%s", e.text);
	test_strange_text();
	test_plan();
	test_end();
	test_routes();
	test_promise();
	test_too_late();
	test_take();
	test_give_up();
	test_lapse();
	book_close(agent.book);
	unlink(path);
	unlink(arena_printf(&arena, "%s-wal", path));
	unlink(arena_printf(&arena, "%s-shm", path));
	arena_release(&arena);
	return tap_done();
}
