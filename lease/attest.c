/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/attest.h"

#include "lease/key.h"

const struct code AUDIT_BAD = { "audit_bad", INVALID, "a rule of audits is broken" };

int
attest_check(const struct domain *d, const struct audit_doc *doc, struct err *e)
{
	struct hash h = attributes_hash(&doc->attributes), digest;

	if (!hash_equal(&h, &doc->terms.attributes))
		return err_field(e, &AUDIT_BAD, "/attributes",
				 "the attributes are not those that were signed");
	if (doc->terms.expires != 0 && doc->attributes.count == 0)
		return err_field(e, &AUDIT_BAD, "/attributes", "an audit of nothing");
	if (address_equal(&doc->terms.auditor, &doc->terms.provider))
		return err_field(e, &AUDIT_BAD, "/terms/auditor", "nobody audits itself");
	h = audit_hash(&doc->terms);
	digest = terms_digest(d, &h);
	if (sig_check(&doc->sig, &digest, &doc->terms.auditor, e) < 0)
		return err_wrap(e, "audit");
	return 0;
}

bool
attest_needed(const struct group *g)
{
	return g->signed_by.count > 0 || g->signed_any.count > 0;
}

static const struct audit_doc *
latest(const struct json_list *audits, const struct address *auditor,
       const struct address *provider)
{
	const struct audit_doc *d = audits->items, *found = NULL;

	for (size_t i = 0; i < audits->count; i++)
		if (address_equal(&d[i].terms.auditor, auditor) &&
		    address_equal(&d[i].terms.provider, provider) &&
		    (found == NULL || d[i].terms.seq > found->terms.seq))
			found = &d[i];
	return found;
}

static bool
vouches(const struct group *g, const struct address *provider, const struct json_list *audits,
	wall_t at, const struct address *auditor)
{
	const struct audit_doc *d = latest(audits, auditor, provider);

	return d != NULL && (wall_t)d->terms.expires * SECOND_US > at &&
	       group_mismatch(g, &d->attributes) == NULL;
}

bool
attest_lacks(const struct group *g, const struct address *provider, const struct json_list *audits,
	     wall_t at, struct address *who)
{
	struct err ignored = ERR_NONE;
	struct address a = { .b = { 0 } };

	for (size_t i = 0; i < g->signed_by.count; i++)
		if (address_read(g->signed_by.items[i], &a, &ignored) < 0 ||
		    !vouches(g, provider, audits, at, &a)) {
			*who = a;
			return true;
		}
	for (size_t i = 0; i < g->signed_any.count; i++)
		if (address_read(g->signed_any.items[i], &a, &ignored) == 0 &&
		    vouches(g, provider, audits, at, &a))
			return false;
	if (g->signed_any.count == 0)
		return false;
	memset(who, 0, sizeof(*who));
	(void)!address_read(g->signed_any.items[0], who, &ignored);
	return true;
}
