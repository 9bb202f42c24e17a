/* SPDX-License-Identifier: Apache-2.0 */
/* attest.h: who vouches for what, until when; statements that do not hold. */
#include "lease/attest.h"

#include "lease/key.h"
#include "tests/unit/tap.h"

static struct domain domain;
static struct key one, two, provider;

static struct audit_doc
audit(const struct key *auditor, const struct attribute *list, size_t count, uint32_t expires,
      uint64_t seq)
{
	struct audit_doc d = { .terms = { .auditor = auditor->address,
					  .provider = provider.address,
					  .expires = expires,
					  .seq = seq },
			       .attributes = { (void *)(uintptr_t)list, count } };
	struct hash h, digest;

	d.terms.attributes = attributes_hash(&d.attributes);
	h = audit_hash(&d.terms);
	digest = terms_digest(&domain, &h);
	key_sign(auditor, &digest, &d.sig);
	return d;
}

static const struct attribute both[] = { { "region", "eu-west" }, { "tier", "gold" } };

static void
test_check(void)
{
	struct audit_doc good = audit(&one, both, 2, 2000, 1), bad;
	struct domain other;
	struct err e = ERR_NONE;

	ok(attest_check(&domain, &good, &e) == 0, "a good statement");
	domain_init(&other, 2, &domain.contract);
	ok(attest_check(&other, &good, &e) < 0 && e.code == &SIGNATURE_BAD, "of another chain");
	bad = good;
	bad.terms.expires++;
	e = (struct err)ERR_NONE;
	ok(attest_check(&domain, &bad, &e) < 0 && e.code == &SIGNATURE_BAD, "prolonged by hand");
	bad = good;
	bad.attributes.count = 1;
	e = (struct err)ERR_NONE;
	ok(attest_check(&domain, &bad, &e) < 0 && e.code == &AUDIT_BAD, "with fewer attributes");
	bad = audit(&provider, both, 2, 2000, 1);
	e = (struct err)ERR_NONE;
	ok(attest_check(&domain, &bad, &e) < 0 && strcmp(e.field, "/terms/auditor") == 0,
	   "of oneself");
	bad = audit(&one, both, 0, 2000, 1);
	e = (struct err)ERR_NONE;
	ok(attest_check(&domain, &bad, &e) < 0 && e.code == &AUDIT_BAD, "of nothing");
	bad = audit(&one, both, 0, 0, 1);
	ok(attest_check(&domain, &bad, &e) == 0, "a revocation names nothing");
}

static void
test_eligible(void)
{
	char a[ADDRESS_TEXT_SIZE], b[ADDRESS_TEXT_SIZE];
	const char *all[2] = { address_text(&one.address, a), address_text(&two.address, b) };
	struct attribute wants[] = { { "region", "eu-*" } };
	const struct {
		const char *what;
		size_t by, any, wanted;		/* how many auditors, attributes */
		uint32_t expires[2], expires_b; /* of one's first and second, of two's */
		size_t listed;			/* attributes that `one` vouches for */
		bool lacks;
	} rows[] = {
		{ "nobody asked for", 0, 0, 1, { 0, 0 }, 0, 2, false },
		{ "one of one", 1, 0, 1, { 0, 2000 }, 0, 2, false },
		{ "expired at that second", 1, 0, 1, { 0, 1000 }, 0, 2, true },
		{ "one second later", 1, 0, 1, { 0, 1001 }, 0, 2, false },
		{ "revoked after a good one", 1, 0, 1, { 2000, 0 }, 0, 2, true },
		{ "all of two, one is missing", 2, 0, 1, { 0, 2000 }, 0, 2, true },
		{ "all of two", 2, 0, 1, { 0, 2000 }, 2000, 2, false },
		{ "any of two, by the second", 0, 2, 1, { 0, 0 }, 2000, 2, false },
		{ "any of two, by none", 0, 2, 1, { 0, 900 }, 900, 2, true },
		{ "all and any", 1, 2, 1, { 0, 2000 }, 0, 2, false },
		{ "no attributes asked for: an audit will do", 1, 0, 0, { 0, 2000 }, 0, 2, false },
	};
	struct address who;

	for (size_t i = 0; i < NELEMS(rows); i++) {
		struct audit_doc docs[] = {
			audit(&one, both, rows[i].listed, rows[i].expires[1], 8),
			audit(&one, both, rows[i].listed, rows[i].expires[0], 7),
			audit(&two, both, 2, rows[i].expires_b, 3),
		};
		struct json_list list = { docs, 3 };
		struct group g = { .attributes = { wants, rows[i].wanted },
				   .signed_by = { all, rows[i].by },
				   .signed_any = { all, rows[i].any } };

		ok(attest_lacks(&g, &provider.address, &list, 1000 * SECOND_US, &who) ==
			   rows[i].lacks,
		   "%s", rows[i].what);
	}
	wants[0].key = "gpu";
	{
		struct audit_doc d = audit(&one, both, 2, 2000, 8);
		struct json_list list = { &d, 1 };
		struct group g = { .attributes = { wants, 1 }, .signed_by = { all, 1 } };

		ok(attest_lacks(&g, &provider.address, &list, 0, &who) &&
			   address_equal(&who, &one.address),
		   "only what is listed counts, and the auditor is named");
		wants[0].key = "region";
		ok(!attest_lacks(&g, &provider.address, &list, 0, &who), "listed");
		ok(attest_lacks(&g, &two.address, &list, 0, &who), "of another provider");
	}
}

int
main(void)
{
	struct address contract = { .b = { 1 } };

	domain_init(&domain, 1, &contract);
	key_new(&one);
	key_new(&two);
	key_new(&provider);
	test_check();
	test_eligible();
	return tap_done();
}
