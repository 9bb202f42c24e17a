/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel audit heads: every transaction of a market's key, from the chain, and every
 * head of its records in them, against the records that the market shows. Who does
 * this has seen all that the market has ever put on the chain; one who has done it
 * before goes on with --after.
 *
 * A file is {"chain_id", "escrow", "market", "heads": heads_seen_fields}.
 */
#include <getopt.h>

#include "tenant/heads.h"

struct heads_evidence {
	uint64_t chain_id;
	struct address escrow, market;
	struct heads_seen heads;
};

#define T struct heads_evidence
static const struct json_field evidence_fields[] = {
	JSON_U64(T, chain_id, 0), JSON_ADDRESS(T, escrow, 0), JSON_ADDRESS(T, market, 0),
	JSON_OBJ(T, heads, heads_seen_fields, 0), JSON_END
};
#undef T

static void
report_json(const struct heads_evidence *v, const struct heads_told *told)
{
	const struct head_tx *txs = v->heads.txs.items;
	struct jsonw *w = jsonw_new(true);

	jsonw_open(w, '{');
	jsonw_member(w, "verdict", "true");
	jsonw_name(w, "transactions");
	jsonw_int(w, (int64_t)v->heads.txs.count);
	jsonw_name(w, "heads");
	jsonw_int(w, (int64_t)told->heads);
	if (told->any) {
		jsonw_name(w, "fixed");
		jsonw_int(w, (int64_t)told->covered);
	}
	if (v->heads.txs.count > 0) {
		jsonw_name(w, "nonce");
		jsonw_int(w, (int64_t)txs[v->heads.txs.count - 1].nonce);
	}
	if (told->late) {
		jsonw_name(w, "late_from");
		jsonw_int(w, (int64_t)told->late_from);
		jsonw_name(w, "late_s");
		jsonw_int(w, (int64_t)told->late_s);
	}
	jsonw_close(w, '}');
	printf("%s", jsonw_text(w, NULL));
	jsonw_free(w);
}

static int
judge(struct context *c, const struct heads_evidence *v, struct err *e)
{
	const struct head_tx *txs = v->heads.txs.items;
	struct heads_told told;
	struct domain domain;

	domain_init(&domain, v->chain_id, &v->escrow);
	if (heads_judge(&v->heads, &domain, &v->market, &told, e) < 0)
		return -1;
	if (c->json) {
		report_json(v, &told);
		return 0;
	}
	if (v->heads.txs.count > 0)
		printf("nonces %llu to %llu of the market's key, %zu records: true\n",
		       (unsigned long long)txs->nonce,
		       (unsigned long long)txs[v->heads.txs.count - 1].nonce,
		       v->heads.records.count);
	heads_say(c, &v->heads, &told);
	return 0;
}

static int
from_file(struct context *c, const char *path, struct heads_evidence *v, struct err *e)
{
	struct json *doc;

	if (evidence_read(c, path, &doc, e) < 0)
		return -1;
	return json_read(&c->arena, doc, evidence_fields, v, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

static int
from_chain(struct context *c, int64_t after, struct heads_evidence *v, struct err *e)
{
	if (context_connect(c, e) < 0)
		return -1;
	v->chain_id = c->domain.chain_id;
	v->escrow = c->escrow;
	v->market = c->auctioneer;
	return heads_of_key(c, (uint64_t)(after + 1), &v->heads, e);
}

int
cmd_audit_heads(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "save", required_argument, NULL, 's' },
						 { "after", required_argument, NULL, 'a' },
						 { NULL, 0, NULL, 0 } };
	struct heads_evidence v = { .chain_id = 0 };
	const char *save = NULL;
	int64_t after = -1;
	char *end = NULL;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 's') {
			save = optarg;
			continue;
		}
		after = o == 'a' ? strtoll(optarg, &end, 10) : -1;
		if (o != 'a' || end == optarg || *end != '\0' || after < -1)
			return err_set(e, &TENANT_USAGE, "audit");
	}
	if (argc - optind > 2)
		return err_set(e, &TENANT_USAGE, "audit heads [--after NONCE] [FILE]");
	if (argc - optind == 2 ? from_file(c, argv[optind + 1], &v, e) < 0
			       : from_chain(c, after, &v, e) < 0)
		return -1;
	if (save != NULL &&
	    file_replace(c, save, json_encode(&c->arena, evidence_fields, &v), e) < 0)
		return -1;
	return judge(c, &v, e);
}
