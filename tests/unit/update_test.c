/* SPDX-License-Identifier: Apache-2.0 */
/* update_test.c - the moves of an update, against a world that the test moves. */
#include "provider/run/update.h"

#include "tap.h"

#define RESOURCES                                                                                  \
	"\"resources\":{\"cpu_milli\":250,\"memory_bytes\":67108864,\"storage_bytes\":67108864,"   \
	"\"gpus\":0,\"endpoints\":1}"

#define NOW (100 * SECOND_US)

static struct arena arena;

static struct manifest
manifest(const char *image, const char *rest)
{
	struct manifest m;
	struct err e = ERR_NONE;
	const char *text = arena_printf(
		&arena,
		"{\"group\":\"eu\",\"services\":[{\"name\":\"db\",\"image\":\"pg:16\",\"count\":1,"
		"\"resources\":{\"cpu_milli\":250,\"memory_bytes\":67108864,\"storage_bytes\":"
		"67108864,\"gpus\":0,\"endpoints\":0}},{\"name\":\"web\",\"image\":\"%s\","
		"\"count\":2," RESOURCES
		",\"exposes\":[{\"port\":80,\"proto\":\"tcp\",\"global\":true}]%s}]}",
		image, rest);

	if (json_decode(&arena, text, strlen(text), manifest_fields, &m, &e) < 0)
		fatal("%s", e.text);
	return m;
}

static bool
room(void *ctx, const struct service *s)
{
	(void)s;
	return *(bool *)ctx;
}

/* db, web, web: all run at version 1. */
static void
world(struct work *w, struct live *l)
{
	*w = (struct work){ .version = 1, .next_manifest = "next", .unit_count = 3 };
	*l = (struct live){ .opened = true };
	for (uint32_t i = 0; i < 3; i++) {
		w->units[i] = (struct work_unit){ .role = UNIT_LIVE,
						  .service = i > 0,
						  .copy = i == 2,
						  .slot = 2 * i,
						  .spare = 2 * i + 1,
						  .version = 1 };
		l->units[i].life = (struct unit_life){ .state = UNIT_RUNNING, .ready = true };
	}
}

static void
is_move(struct update_move m, enum update_step step, uint32_t unit, const char *what)
{
	ok(m.step == step && m.unit == unit, "%s (step %d, unit %u)", what, m.step, m.unit);
}

static void
test_beside(void)
{
	struct manifest good = manifest("a:1", ""), next = manifest("a:2", "");
	bool fits = true;
	struct work w;
	struct live l;

	world(&w, &l);
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_SAME, 0,
		"a service that stays");
	w.units[0].version = 2;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_BESIDE, 1,
		"there is room: beside");
	w.units[w.unit_count++] = (struct work_unit){
		.role = UNIT_COMING, .service = 1, .version = 2, .replaces = 1
	};
	l.units[3].life.state = UNIT_WORKING;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_WAIT, 3, "on its way");
	l.units[3].life = (struct unit_life){ .state = UNIT_RUNNING };
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_WAIT, 3,
		"running is not ready");
	l.units[3].life.ready = true;
	l.units[3].life.started_at = NOW - UPDATE_PROOF_US + 1;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_WAIT, 3,
		"ready, but it may end at once");
	l.units[3].life.started_at = NOW - UPDATE_PROOF_US;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_SWITCH, 3,
		"ready: switch");
	w.units[3].role = UNIT_LIVE;
	w.units[1].role = UNIT_GOING;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_BESIDE, 2,
		"the next copy");
	w.units[2].version = 2;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_DONE, 0, "all have it");
}

static void
test_instead(void)
{
	struct manifest good = manifest("a:1", ""), next = manifest("a:2", "");
	struct manifest disk = manifest(
		"a:2",
		",\"mounts\":[{\"volume\":\"d\",\"path\":\"/d\",\"class\":\"beta3\",\"bytes\":"
		"67108864}]");
	bool fits = false, yes = true;
	struct work w;
	struct live l;

	world(&w, &l);
	w.units[0].version = 2;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_INSTEAD, 1,
		"no room: instead");
	is_move(update_next(&w, &good, &disk, &l, NOW, room, &yes), UPDATE_INSTEAD, 1,
		"a volume is mounted once");
	l.units[1].task = (struct task *)(void *)&l;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_WAIT, 1,
		"it is going down");
	l.units[1].task = NULL;
	w.units[1].version = 2;
	l.units[1].life = (struct unit_life){ .state = UNIT_UNKNOWN, .in_row = 1, .ended_at = 5 };
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_WAIT, 1,
		"and coming up");
	l.units[1].life.state = UNIT_FAILED;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_FAILED, 1,
		"but it fails");
}

static void
test_return(void)
{
	struct manifest good = manifest("a:1", ""), next = manifest("a:2", "");
	bool fits = true;
	struct work w;
	struct live l;

	world(&w, &l);
	w.units[0].version = w.units[1].version = 2;
	w.units[w.unit_count++] = (struct work_unit){
		.role = UNIT_COMING, .service = 1, .version = 2, .replaces = 2
	};
	l.units[3].life.state = UNIT_EXITED;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_FAILED, 3,
		"the second copy ends");
	w.returning = true;
	w.units[3].role = UNIT_GOING;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_SAME, 0,
		"on the way back a service that did not change is left alone");
	w.units[0].version = 1;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_BESIDE, 1,
		"what has changed changes back, beside where there is room");
	fits = false;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_INSTEAD, 1,
		"and in its place where there is none");
	w.units[w.unit_count++] = (struct work_unit){
		.role = UNIT_COMING, .service = 1, .version = 1, .replaces = 1
	};
	l.units[4].life.state = UNIT_WORKING;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_WAIT, 4,
		"it is on its way");
	l.units[4].life.state = UNIT_FAILED;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_INSTEAD, 1,
		"it did not come: in its place");
	l.units[4].life = l.units[0].life;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_SWITCH, 4,
		"it came: switch");
	w.units[4].role = UNIT_GOING;
	w.units[1].version = 1;
	l.units[1].life.state = UNIT_FAILED;
	is_move(update_next(&w, &good, &next, &l, NOW, room, &fits), UPDATE_DONE, 0,
		"and there is no way back from there");
}

static void
test_check(void)
{
	struct manifest from = manifest("a:1", ""), to = manifest("b:1", ",\"stop_s\":3");
	struct err e = ERR_NONE;

	ok(update_check(&from, &to, &e) == 0, "another image and stop");
	((struct expose *)((struct service *)to.services.items)[1].exposes.items)->port = 81;
	ok(update_check(&from, &to, &e) == 0, "another port inside");
	((struct expose *)((struct service *)to.services.items)[1].exposes.items)->proto = "udp";
	ok(update_check(&from, &to, &e) < 0 && e.code == &UPDATE_REFUSED, "another kind of port");
}

int
main(void)
{
	arena_init(&arena, 0);
	test_beside();
	test_instead();
	test_return();
	test_check();
	arena_release(&arena);
	return tap_done();
}
