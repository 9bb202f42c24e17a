/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel statement: what moved the escrow balance of an address, event by event, with
 * the balance after each. From the contract's events; with --market from a market's
 * ledger, which is faster. Either way the last balance must be the contract's own at
 * that block, or it is an error.
 */
#include <getopt.h>
#include <time.h>

#include "lease/keystore.h"
#include "lease/ledger.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

#define PAGE 1000

struct line {
	uint64_t block, log, time; /* unix seconds */
	struct hash tx, lease;
	const char *kind;
	struct amount in, out, balance;
};

struct statement {
	struct context *c;
	struct address who;
	wall_t from, until;
	uint64_t block; /* it is made at */
	struct line *lines;
	size_t count;
	struct amount before, balance; /* of the time before `from`, and at last */
	uint64_t timed_block, timed;   /* the last block whose time was asked for */
};

/* ------------------------------------------------------------------ */
/* Gathering.                                                          */

static int
add(struct statement *s, struct line *line, struct err *e)
{
	wall_t at = (wall_t)line->time * SECOND_US;

	if (amount_add(s->balance, line->in, &s->balance, e) < 0 ||
	    amount_sub(s->balance, line->out, &s->balance, e) < 0)
		return err_wrap(e, "block %llu, log %llu", (unsigned long long)line->block,
				(unsigned long long)line->log);
	line->balance = s->balance;
	if (at < s->from)
		s->before = s->balance;
	if (at < s->from || at >= s->until)
		return 0;
	s->lines = arena_grow(&s->c->arena, s->lines, s->count, sizeof(*s->lines));
	s->lines[s->count++] = *line;
	return 0;
}

static int
time_of(struct statement *s, const struct evm_log *log, uint64_t *time, struct err *e)
{
	struct evm_block block;

	if (s->timed_block != log->block || s->timed == 0) {
		if (chain_block(s->c, NULL, log->block, &block, e) < 0)
			return -1;
		if (!hash_equal(&block.hash, &log->block_hash))
			return err_set(e, &EVM_BAD_REPLY, "block %llu changed while it was read",
				       (unsigned long long)log->block);
		s->timed_block = log->block;
		s->timed = block.time;
	}
	*time = s->timed;
	return 0;
}

static int
read_log(void *ctx, const struct evm_log *log, struct err *e)
{
	struct statement *s = ctx;
	struct escrow_event *events;
	struct arena a;
	size_t count;
	int rc = 0;

	arena_init(&a, 0);
	count = escrow_events_read(&a, log->topics, log->topic_count, log->data, log->len, &events);
	if (count == 0)
		rc = err_set(e, &EVM_BAD_REPLY, "block %llu, log %llu is no event of this contract",
			     (unsigned long long)log->block, (unsigned long long)log->index);
	for (size_t i = 0; i < count && rc == 0; i++) {
		struct line line = { .block = log->block,
				     .log = log->index,
				     .tx = log->tx_hash,
				     .lease = events[i].lease,
				     .kind = escrow_event_name(events[i].kind) };

		if (ledger_of(&events[i], &s->who, &line.in, &line.out))
			rc = time_of(s, log, &line.time, e) < 0 ? -1 : add(s, &line, e);
	}
	arena_release(&a);
	return rc;
}

static int
from_chain(struct statement *s, struct err *e)
{
	struct evm_block head;

	if (chain_block(s->c, "latest", 0, &head, e) < 0)
		return -1;
	s->block = head.number;
	return chain_logs(s->c, 0, head.number, read_log, s, e);
}

static int
read_entry(struct statement *s, const struct json *row, struct err *e)
{
	const char *amount = text_of(row, "amount"), *lease = text_of(row, "lease");
	struct line line = { .block = (uint64_t)number_of(row, "block"),
			     .log = (uint64_t)number_of(row, "log"),
			     .kind = text_of(row, "kind") };
	bool leaves = amount[0] == '-';
	wall_t at;

	if (amount_read(amount + leaves, leaves ? &line.out : &line.in, e) < 0 ||
	    hash_read(text_of(row, "tx"), &line.tx, e) < 0 ||
	    time_read(text_of(row, "time"), &at, e) < 0 ||
	    (lease[0] != '\0' && hash_read(lease, &line.lease, e) < 0))
		return err_wrap(e, "the market's entry");
	line.time = (uint64_t)(at / SECOND_US);
	return add(s, &line, e);
}

static int
from_market(struct statement *s, struct err *e)
{
	struct arena *a = &s->c->arena;
	char who[ADDRESS_TEXT_SIZE];
	const char *cursor = "";
	struct json *page;

	address_text(&s->who, who);
	do {
		const struct json *data;

		if (market_get(a, &s->c->market,
			       arena_printf(a, "/v1/accounts/%s/entries?limit=%d%s%s", who, PAGE,
					    cursor[0] != '\0' ? "&cursor=" : "", cursor),
			       &page, e) < 0)
			return -1;
		data = json_get(page, "data");
		for (const struct json *r = data != NULL ? data->first : NULL; r != NULL;
		     r = r->next)
			if (read_entry(s, r, e) < 0)
				return -1;
		cursor = text_of(page, "next_cursor");
	} while (cursor[0] != '\0');
	s->block = (uint64_t)number_of(page, "block");
	return 0;
}

/* The sums are the contract's, or they are nothing. */
static int
check_end(struct statement *s, struct err *e)
{
	char ours[AMOUNT_TEXT_SIZE], theirs[AMOUNT_TEXT_SIZE], who[ADDRESS_TEXT_SIZE];
	u128 stored;

	if (chain_word(s->c, &s->c->escrow, escrow_balance_of(&s->c->arena, &s->who), s->block,
		       &stored, e) < 0)
		return -1;
	if (stored == s->balance.units)
		return 0;
	return err_set(e, &AUDIT_DIFFERS,
		       "the balance of %s at block %llu: %s by its entries, %s in "
		       "the contract",
		       address_text(&s->who, who), (unsigned long long)s->block,
		       u128_text(s->balance.units, ours), u128_text(stored, theirs));
}

/* ------------------------------------------------------------------ */
/* Printing.                                                           */

static bool
has_lease(const struct line *l)
{
	static const struct hash none;

	return !hash_equal(&l->lease, &none);
}

static void
print_csv(const struct statement *s)
{
	unsigned decimals = s->c->decimals;

	printf("time,block,tx,kind,lease,in,out,balance\n");
	for (size_t i = 0; i < s->count; i++) {
		const struct line *l = &s->lines[i];
		char time[TIME_TEXT_SIZE], tx[HASH_TEXT_SIZE], lease[HASH_TEXT_SIZE],
			in[AMOUNT_TEXT_SIZE], out[AMOUNT_TEXT_SIZE], balance[AMOUNT_TEXT_SIZE];

		printf("%s,%llu,%s,%s,%s,%s,%s,%s\n", time_text((wall_t)l->time * SECOND_US, time),
		       (unsigned long long)l->block, hash_text(&l->tx, tx), l->kind,
		       has_lease(l) ? hash_text(&l->lease, lease) : "",
		       amount_human(l->in, decimals, in), amount_human(l->out, decimals, out),
		       amount_human(l->balance, decimals, balance));
	}
}

static void
write_line(struct jsonw *w, const struct line *l)
{
	char text[HASH_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "time", "%s", time_text((wall_t)l->time * SECOND_US, text));
	jsonw_name(w, "block");
	jsonw_int(w, (int64_t)l->block);
	jsonw_name(w, "log");
	jsonw_int(w, (int64_t)l->log);
	jsonw_member(w, "tx", "%s", hash_text(&l->tx, text));
	jsonw_member(w, "kind", "%s", l->kind);
	jsonw_name(w, "lease");
	jsonw_str(w, has_lease(l) ? hash_text(&l->lease, text) : NULL);
	jsonw_member(w, "in", "%s", u128_text(l->in.units, text));
	jsonw_member(w, "out", "%s", u128_text(l->out.units, text));
	jsonw_member(w, "balance", "%s", u128_text(l->balance.units, text));
	jsonw_close(w, '}');
}

static void
print_json_lines(const struct statement *s)
{
	struct jsonw *w = jsonw_new(true);
	char text[AMOUNT_TEXT_SIZE];

	jsonw_open(w, '{');
	jsonw_member(w, "address", "%s", address_text(&s->who, text));
	jsonw_name(w, "block");
	jsonw_int(w, (int64_t)s->block);
	jsonw_member(w, "before", "%s", u128_text(s->before.units, text));
	jsonw_member(w, "balance", "%s", u128_text(s->balance.units, text));
	jsonw_name(w, "entries");
	jsonw_open(w, '[');
	for (size_t i = 0; i < s->count; i++)
		write_line(w, &s->lines[i]);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	puts(jsonw_text(w, NULL));
	jsonw_free(w);
}

static void
print_lines(const struct statement *s)
{
	unsigned decimals = s->c->decimals;
	char who[ADDRESS_TEXT_SIZE];

	printf("%s, %s, up to block %llu\n", address_text(&s->who, who), s->c->symbol,
	       (unsigned long long)s->block);
	if (s->from > 0)
		printf("before      %s\n", money(s->c, s->before));
	for (size_t i = 0; i < s->count; i++) {
		const struct line *l = &s->lines[i];
		char time[TIME_TEXT_SIZE], in[AMOUNT_TEXT_SIZE], out[AMOUNT_TEXT_SIZE],
			balance[AMOUNT_TEXT_SIZE], lease[HASH_TEXT_SIZE];

		printf("%.19s  %8llu  %-9s %14s%s %14s%s  %14s  %.10s\n",
		       time_text((wall_t)l->time * SECOND_US, time), (unsigned long long)l->block,
		       l->kind, l->in.units != 0 ? amount_human(l->in, decimals, in) : "",
		       l->in.units != 0 ? "+" : " ",
		       l->out.units != 0 ? amount_human(l->out, decimals, out) : "",
		       l->out.units != 0 ? "-" : " ", amount_human(l->balance, decimals, balance),
		       has_lease(l) ? hash_text(&l->lease, lease) : "");
	}
	printf("balance     %s, as the contract has it\n", money(s->c, s->balance));
}

/* ------------------------------------------------------------------ */

/* A day, which begins at midnight UTC, or a time. */
static int
date_read(const char *text, wall_t *out, struct err *e)
{
	char day[32];

	if (strlen(text) == 10) {
		snprintf(day, sizeof(day), "%sT00:00:00Z", text);
		text = day;
	}
	if (time_read(text, out, e) < 0)
		return err_set(e, &TENANT_USAGE,
			       "a date like 2026-11-25, or a time like "
			       "2026-11-25T05:10:35Z");
	return 0;
}

int
cmd_statement(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "from", required_argument, NULL, 'f' },
						 { "to", required_argument, NULL, 't' },
						 { "csv", no_argument, NULL, 'c' },
						 { "market", no_argument, NULL, 'm' },
						 { NULL, 0, NULL, 0 } };
	struct statement s = { .c = c, .until = INT64_MAX };
	bool csv = false, market = false;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 'f':
			if (date_read(optarg, &s.from, e) < 0)
				return -1;
			break;
		case 't':
			if (date_read(optarg, &s.until, e) < 0)
				return -1;
			break;
		case 'c': csv = true; break;
		case 'm': market = true; break;
		default: return option_fault(argv, "statement", e);
		}
	if (argc - optind > 1 || (csv && c->json))
		return err_set(e, &TENANT_USAGE, "for example: gavel statement --from 2026-11-01");
	if (market ? context_connect(c, e) < 0 : context_connect_alone(c, e) < 0)
		return -1;
	if (optind < argc ? address_read(argv[optind], &s.who, e) < 0
			  : context_address(c, &s.who, e) < 0)
		return -1;
	if (market ? from_market(&s, e) < 0 : from_chain(&s, e) < 0)
		return -1;
	if (check_end(&s, e) < 0)
		return -1;
	if (csv)
		print_csv(&s);
	else if (c->json)
		print_json_lines(&s);
	else
		print_lines(&s);
	return 0;
}
