/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/bid/price_program.h"

#include "lib/clock.h"
#include "lib/log.h"

#define ANSWER_MAX ((size_t)4096)
#define AGAIN_US   (5 * MILLI_US)

enum next
price_ask_place(struct task *t, const struct provider_settings *s, unsigned *running,
		struct price_ask *p, bool *held)
{
	mono_t now = clock_mono();

	if (p->until == 0)
		p->until = now + (int64_t)s->price_timeout_ms * MILLI_US;
	*held = *running < s->price_at_once || now >= p->until;
	if (!*held)
		return task_sleep(t, AGAIN_US);
	if (*running < s->price_at_once) {
		p->running = running;
		++*running;
	}
	return TASK_NEXT;
}

static void
prepare(struct arena *a, const struct provider_settings *s, struct price_ask *p)
{
	p->argv = arena_alloc(a, (s->price_program.count + 1) * sizeof(*p->argv));
	memcpy(p->argv, s->price_program.items, s->price_program.count * sizeof(*p->argv));
	p->argv[s->price_program.count] = NULL;
	p->proc = (struct proc){
		.argv = p->argv,
		.input = p->question,
		.input_len = strlen(p->question),
		.timeout_us = (int64_t)s->price_timeout_ms * MILLI_US,
		.out_max = ANSWER_MAX,
	};
}

enum next
price_ask_start(struct task *t, const struct provider_settings *s, struct price_ask *p)
{
	prepare(&t->arena, s, p);
	if (p->running == NULL) { /* no place in time */
		p->proc.status = 128;
		p->proc.err = arena_strdup(&t->arena, "too many questions at once");
		p->proc.err_len = strlen(p->proc.err);
		return TASK_NEXT;
	}
	return proc_start(t, &p->proc);
}

/* Whatever goes wrong with it, the program has not agreed to a price. */
void
price_ask_read(struct arena *a, const struct provider_settings *s, struct price_ask *p)
{
	struct err e = ERR_NONE;

	p->decline = NULL;
	if (proc_check(&p->proc, &e) == 0 &&
	    pricing_answer(a, p->proc.out, p->proc.out_len, &s->prices, p->pricing, &p->decline,
			   &e) == 0)
		return;
	log_warn("price_program.failed", "error=\"%s\" fallback=%s", e.text, s->price_fallback);
	if (strcmp(s->price_fallback, "card") != 0)
		p->decline = "price";
}

void
price_ask_end(struct price_ask *p)
{
	if (p->running != NULL)
		--*p->running;
	p->running = NULL;
}

void
price_ask_now(struct arena *a, const struct provider_settings *s, struct price_ask *p)
{
	struct err e = ERR_NONE;

	prepare(a, s, p);
	if (proc_now(a, &p->proc, &e) < 0) {
		p->proc.status = 127;
		p->proc.err = arena_strdup(a, e.text);
		p->proc.err_len = strlen(p->proc.err);
	}
	price_ask_read(a, s, p);
}
