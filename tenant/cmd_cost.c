/* SPDX-License-Identifier: Apache-2.0 */
/* gavel cost, topup: what a lease has used, until when its deposit lasts, and more of it. */
#include <getopt.h>
#include <time.h>
#include <unistd.h>

#include "lease/lasting.h"
#include "lib/clock.h"
#include "tenant/tenant.h"

bool
dues_print(struct context *c, FILE *out, const char *name, const struct json *status)
{
	const struct json *dues = json_get(status, "dues");
	const char *why = text_of(dues, "why"), *ends = text_of(dues, "ends_at");

	if (strcmp(why, "deposit_used_up") == 0)
		fprintf(out,
			"paused      since %s: the deposit is used up; volumes and names are kept, "
			"nothing is charged\n"
			"            until %s, then the lease ends; to run again: gavel topup %s "
			"AMOUNT\n",
			text_of(dues, "since"), ends, name);
	else if (strcmp(why, "no_room") == 0)
		fprintf(out,
			"paused      since %s: topped up, and waiting for room at the provider; "
			"nothing is charged\n"
			"            until %s, then the lease ends and the rest comes back\n",
			text_of(dues, "since"), ends);
	else if (strcmp(why, "stopped") == 0)
		fprintf(out, "paused      since %s: stopped on chain, it ends\n",
			text_of(dues, "since"));
	else if (strcmp(why, "unsigned") == 0)
		fprintf(out,
			"throttled   since %s: %s of use is not countersigned; charged is the "
			"base; "
			"to run at full speed: gavel agent\n",
			text_of(dues, "since"), money(c, amount_of(dues, "unsigned")));
	else
		return false;
	return true;
}

/* ------------------------------------------------------------------ */

struct cost {
	struct lease_ref lease;
	struct standing s;
	struct json *status;	 /* of the gateway, or NULL */
	struct amount due, left; /* due: by the last reading, or by time */
	struct lasting lasting;	 /* of what is open and runs */
	uint32_t now;
};

enum dues
dues_of(const struct json *status)
{
	const char *state = text_of(json_get(status, "dues"), "state");

	for (enum dues d = DUES_THROTTLE; d <= DUES_END; d++)
		if (strcmp(state, dues_name(d)) == 0)
			return d;
	return DUES_RUN;
}

struct lasting
lasting_for(const struct lease_terms *terms, struct amount deposit, struct amount due,
	    const struct json *status, uint32_t now)
{
	const struct json *usage = json_get(status, "usage");
	int64_t read = usage != NULL ? number_of(usage, "upTo") : 0;
	struct lasting_facts f = { .deposit = deposit,
				   .due = due,
				   .read = read > 0 ? MIN(read, (int64_t)now) : (int64_t)now,
				   .ran = usage != NULL ? number_of(usage, "healthySeconds") : 0,
				   .rate = terms->rate,
				   .base = terms->base,
				   .state = dues_of(status),
				   .now = now };

	return lasting_of(&f);
}

static struct amount
minus(struct amount a, struct amount b)
{
	return (struct amount){ a.units - MIN(a.units, b.units) };
}

/* The deposit as the chain has it: with what was added. What is due is what the
 * provider last read, and in between what the rate allows. */
static int
cost_read(struct context *c, const char *name, struct cost *x, struct err *e)
{
	struct deployment d = { .name = NULL };
	const struct json *usage;
	uint32_t now = (uint32_t)(clock_wall() / SECOND_US);

	if (parts_single(c, name, e) < 0 || context_connect_alone(c, e) < 0 ||
	    context_unlock(c, e) < 0 || deployment_find(c, name, &d, e) < 0)
		return -1;
	if ((c->alone ? lease_recall(c, &d, &x->lease, e) : lease_find(c, &d, &x->lease, e)) < 0 ||
	    standing_now(&c->arena, &c->evm, &c->escrow, &x->lease.terms, &x->s, e) < 0 ||
	    standing_past(&c->arena, &c->evm, &c->escrow, &x->lease.hash, &x->s, e) < 0)
		return -1;
	if (provider_call(&c->arena, &x->lease.gateway, "GET", lease_path(c, &x->lease, ""), NULL,
			  &x->status, e) < 0) {
		say(c, "warning: the provider does not tell: %s", e->text);
		*e = (struct err)ERR_NONE;
		x->status = NULL;
	}
	x->now = MAX(now, x->s.now);
	x->due = x->s.lease.paid;
	if (standing_unknown(&x->s) || x->s.ended)
		return 0;
	usage = json_get(x->status, "usage");
	if (usage != NULL && usage->type == JSON_OBJECT)
		x->due = amount_of(usage, "amount");
	else
		x->due = standing_at_most(&x->s, &x->lease.terms, x->now);
	x->left = minus(x->s.lease.deposit, x->due);
	if (x->s.lease.stop_at == 0)
		x->lasting =
			lasting_for(&x->lease.terms, x->s.lease.deposit, x->due, x->status, x->now);
	return 0;
}

static void
print_json_cost(const struct cost *x)
{
	char number[AMOUNT_TEXT_SIZE], hash[HASH_TEXT_SIZE], time[TIME_TEXT_SIZE];
	struct jsonw *w = jsonw_new(true);
	const char *warning;
	unsigned level;

	jsonw_open(w, '{');
	jsonw_member(w, "lease", "%s", hash_text(&x->lease.hash, hash));
	jsonw_member(w, "state", "%s", x->lease.state);
	jsonw_member(w, "rate", "%s", u128_text(x->lease.terms.rate.nano, number));
	jsonw_member(w, "due", "%s", u128_text(x->due.units, number));
	jsonw_member(w, "paid", "%s", u128_text(x->s.lease.paid.units, number));
	jsonw_member(w, "deposit", "%s", u128_text(x->s.lease.deposit.units, number));
	jsonw_member(w, "left", "%s", u128_text(x->left.units, number));
	jsonw_name(w, "lasts_s");
	if (x->lasting.at != 0)
		jsonw_int(w, x->lasting.at - x->now);
	else
		jsonw_null(w);
	jsonw_name(w, "ends_at");
	jsonw_str(w, x->lasting.at != 0 ? time_text(x->lasting.at * SECOND_US, time) : NULL);
	jsonw_name(w, "ends_at_by_use");
	jsonw_str(w,
		  x->lasting.at_use != 0 ? time_text(x->lasting.at_use * SECOND_US, time) : NULL);
	warning = x->lasting.at != 0 ? lasting_warning(x->lasting.at - x->now, &level) : NULL;
	jsonw_name(w, "warning");
	jsonw_str(w, warning);
	jsonw_name(w, "dues");
	jsonw_node(w, json_get(x->status, "dues"));
	jsonw_name(w, "parts");
	jsonw_node(w, json_get(x->status, "parts"));
	jsonw_name(w, "usage");
	jsonw_node(w, json_get(x->status, "usage"));
	jsonw_close(w, '}');
	fputs(jsonw_text(w, NULL), stdout);
	fflush(stdout);
	jsonw_free(w);
}

static void
print_cost(struct context *c, const char *name, const struct cost *x)
{
	const struct json *parts = json_get(x->status, "parts");
	char text[TIME_TEXT_SIZE], end[TIME_TEXT_SIZE];
	const char *warning;
	unsigned level;

	printf("lease      %s, %s\n", x->lease.state, price(c, x->lease.terms.rate));
	printf("used       %s\n", money(c, x->due));
	for (const struct json *p = parts != NULL ? parts->first : NULL; p != NULL; p = p->next)
		if (strcmp(p->text, "0") != 0)
			printf("  %-9s%s\n", p->name, money(c, amount_of(parts, p->name)));
	printf("paid       %s\n", money(c, x->s.lease.paid));
	if (x->s.ended || standing_unknown(&x->s))
		return;
	printf("deposit    %s, %s left\n", money(c, x->s.lease.deposit), money(c, x->left));
	if (dues_print(c, stdout, name, x->status) &&
	    strcmp(text_of(x->status, "phase"), "paused") == 0)
		return;
	if (x->lasting.at == 0)
		return;
	printf("lasts      %s, until %s at %s\n",
	       duration_text((x->lasting.at - x->now) * SECOND_US, text),
	       time_text(x->lasting.at * SECOND_US, end),
	       dues_of(x->status) == DUES_THROTTLE ? "the base" : "the full rate");
	if (x->lasting.at_use > x->lasting.at)
		printf("           %s, until %s by its use so far\n",
		       duration_text((x->lasting.at_use - x->now) * SECOND_US, text),
		       time_text(x->lasting.at_use * SECOND_US, end));
	warning = lasting_warning(x->lasting.at - x->now, &level);
	if (warning != NULL)
		fprintf(stderr,
			"warning: the deposit ends in less than %s: gavel topup %s AMOUNT\n",
			warning, name);
	fflush(stdout);
}

struct cost_args {
	bool watch;
	struct timespec every;
};

static int
cost_one(struct context *c, const char *name, void *ctx, struct err *e)
{
	const struct cost_args *args = ctx;

	for (;;) {
		struct arena keep = c->arena;
		struct cost x = { .status = NULL };
		int result;

		arena_init(&c->arena, 0);
		result = cost_read(c, name, &x, e);
		if (result == 0 && c->json)
			print_json_cost(&x);
		else if (result == 0)
			print_cost(c, name != NULL ? name : "NAME", &x);
		if (!args->watch)
			return result; /* strings of the context stay */
		if (result < 0 && !err_retryable(e))
			return -1;
		if (result < 0)
			say(c, "warning: %s", e->text);
		*e = (struct err)ERR_NONE;
		arena_release(&c->arena);
		c->arena = keep;
		nanosleep(&args->every, NULL);
		if (!c->json)
			putchar('\n');
	}
}

int
cmd_cost(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "watch", no_argument, NULL, 'w' },
						 { "every", required_argument, NULL, 'e' },
						 { NULL, 0, NULL, 0 } };
	struct cost_args args = { .every = { 5, 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'w': args.watch = true; break;
		case 'e': args.every.tv_sec = MAX(strtol(optarg, NULL, 10), 1L); break;
		default: return option_fault(argv, "cost", e);
		}
	if (argc - optind > 1)
		return err_set(e, &TENANT_USAGE, "one deployment, or none for the last one");
	return parts_each(c, optind < argc ? argv[optind] : NULL, cost_one, &args, e);
}

/* ------------------------------------------------------------------ */

/* Anyone may: of a lease of somebody else its id is enough, while a market that
 * knows it is there. */
int
lease_terms_find(struct context *c, const char *name, struct lease_terms *terms, struct err *e)
{
	struct deployment d = { .name = NULL };
	struct lease_ref l = { .order = NULL };
	struct json *doc;

	if (strncmp(name, "lea_", 4) == 0 || strncmp(name, "0x", 2) == 0) {
		if (market_get(
			    &c->arena, &c->market,
			    arena_printf(&c->arena, "/v1/leases/%s", query_text(&c->arena, name)),
			    &doc, e) < 0)
			return -1;
		return json_get(doc, "terms") == NULL ? err_set(e, &NO_LEASE, "no terms")
						      : json_read(&c->arena, json_get(doc, "terms"),
								  lease_terms_fields, terms, e);
	}
	if (parts_single(c, name, e) < 0 || deployment_find(c, name, &d, e) < 0 ||
	    (c->alone ? lease_recall(c, &d, &l, e) : lease_find(c, &d, &l, e)) < 0)
		return -1;
	*terms = l.terms;
	return 0;
}

int
cmd_topup(struct context *c, int argc, char **argv, struct err *e)
{
	struct evm_receipt receipt;
	struct lease_terms terms;
	struct amount amount;
	struct standing s;
	char text[TIME_TEXT_SIZE], number[AMOUNT_TEXT_SIZE];

	if (argc != 3)
		return err_set(e, &TENANT_USAGE,
			       "topup takes a deployment or lease and an amount of tokens");
	if (context_connect_alone(c, e) < 0 || context_unlock(c, e) < 0 ||
	    amount_from_human(argv[2], c->decimals, &amount, e) < 0 ||
	    lease_terms_find(c, argv[1], &terms, e) < 0)
		return -1;
	if (amount.units == 0)
		return err_set(e, &TENANT_USAGE, "an amount above 0");
	if (chain_send(c, &c->escrow, escrow_top_up(&c->arena, &terms, amount), "top up", &receipt,
		       e) < 0 ||
	    standing_now(&c->arena, &c->evm, &c->escrow, &terms, &s, e) < 0)
		return -1;
	if (c->json)
		printf("{\"deposit\":\"%s\",\"block\":%llu}\n",
		       u128_text(s.lease.deposit.units, number), (unsigned long long)receipt.block);
	else
		printf("deposit %s: %s more at the full rate\n", money(c, s.lease.deposit),
		       duration_text((int64_t)rate_lasts(terms.rate, amount) * SECOND_US, text));
	return 0;
}
