/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/documents.h"

#define OPT JSON_OPTIONAL

const struct json_field order_doc_fields[] = {
	JSON_ID(struct order_doc, id, ID_ORDER),
	JSON_OBJ(struct order_doc, terms, order_terms_fields, 0),
	JSON_SIG(struct order_doc, sig, 0),
	JSON_OBJ(struct order_doc, group, group_fields, 0),
	JSON_U32(struct order_doc, care_hours, 4, OPT),
	JSON_U32(struct order_doc, window_ms, 600000, OPT),
	JSON_STR(struct order_doc, auction, 12, OPT | JSON_OMIT_EMPTY),
	JSON_END
};

const struct json_field bid_post_fields[] = { JSON_ID(struct bid_post, id, ID_BID),
					      JSON_ID(struct bid_post, order, ID_ORDER),
					      JSON_U32(struct bid_post, round, 0, 0),
					      JSON_ADDRESS(struct bid_post, provider, 0),
					      JSON_BASE64(struct bid_post, envelope, 4096, 0),
					      JSON_END };

const struct json_field bid_doc_fields[] = { JSON_OBJ(struct bid_doc, terms, bid_terms_fields, 0),
					     JSON_SIG(struct bid_doc, sig, 0), JSON_END };

const struct json_field choice_doc_fields[] = { JSON_OBJ(struct choice_doc, terms,
							 choice_terms_fields, 0),
						JSON_SIG(struct choice_doc, sig, 0), JSON_END };

const struct json_field choice_shown_fields[] = {
	JSON_OBJ(struct choice_shown, terms, choice_terms_fields, 0),
	JSON_SIG(struct choice_shown, sig, 0), JSON_TIME(struct choice_shown, received_at, 0),
	JSON_END
};

const struct json_field decline_post_fields[] = { JSON_ID(struct decline_post, id, ID_BID),
						  JSON_ID(struct decline_post, order, ID_ORDER),
						  JSON_U32(struct decline_post, round, 0, 0),
						  JSON_ADDRESS(struct decline_post, provider, 0),
						  JSON_STR(struct decline_post, reason, 40, 0),
						  JSON_END };

const struct json_field round_doc_fields[] = {
	JSON_ID(struct round_doc, id, ID_ORDER),
	JSON_HASH(struct round_doc, hash, 0),
	JSON_U32(struct round_doc, round, 0, 0),
	JSON_HASH(struct round_doc, key, 0),
	JSON_TIME(struct round_doc, ends_at, 0),
	JSON_TIME(struct round_doc, choose_by, OPT | JSON_OMIT_EMPTY),
	JSON_OBJ(struct round_doc, terms, order_terms_fields, 0),
	JSON_OBJ(struct round_doc, group, group_fields, 0),
	JSON_STRS(struct round_doc, excluded, 64, 0),
	JSON_END
};

const struct json_field award_doc_fields[] = {
	JSON_ID(struct award_doc, order, ID_ORDER),
	JSON_ID(struct award_doc, lease, ID_LEASE),
	JSON_OBJ(struct award_doc, award, award_terms_fields, 0),
	JSON_SIG(struct award_doc, award_sig, 0),
	JSON_OBJ(struct award_doc, terms, order_terms_fields, 0),
	JSON_SIG(struct award_doc, order_sig, 0),
	JSON_OBJ(struct award_doc, group, group_fields, 0),
	JSON_TIME(struct award_doc, accept_by, 0),
	JSON_END
};

const struct json_field accept_post_fields[] = { JSON_OBJ(struct accept_post, terms,
							  lease_terms_fields, 0),
						 JSON_SIG(struct accept_post, sig, 0), JSON_END };

const struct json_field endpoint_fields[] = { JSON_STR(struct endpoint, service, 63, 0),
					      JSON_U32(struct endpoint, port, 65535, 0),
					      JSON_STR(struct endpoint, url, 200, 0), JSON_END };

const struct json_field launch_post_fields[] = {
	JSON_HASH(struct launch_post, lease, 0), JSON_BOOLEAN(struct launch_post, healthy, 0),
	JSON_STR(struct launch_post, error, 300, OPT | JSON_OMIT_EMPTY),
	JSON_LIST(struct launch_post, endpoints, endpoint_fields, struct endpoint, 64, OPT),
	JSON_END
};

const struct json_field voucher_post_fields[] = {
	JSON_OBJ(struct voucher_post, usage, usage_terms_fields, 0),
	JSON_SIG(struct voucher_post, usage_sig, 0), JSON_SIG(struct voucher_post, payer_sig, OPT),
	JSON_SIG(struct voucher_post, provider_sig, 0), JSON_END
};

const struct json_field release_post_fields[] = {
	JSON_OBJ(struct release_post, voucher, voucher_post_fields, 0),
	JSON_SIG(struct release_post, release_sig, 0), JSON_END
};

const struct json_field provider_doc_fields[] = {
	JSON_OBJ(struct provider_doc, terms, provider_terms_fields, 0),
	JSON_SIG(struct provider_doc, sig, 0),
	JSON_LIST(struct provider_doc, attributes, attribute_fields, struct attribute, 64, 0),
	JSON_END
};

const struct json_field audit_doc_fields[] = {
	JSON_OBJ(struct audit_doc, terms, audit_terms_fields, 0),
	JSON_SIG(struct audit_doc, sig, 0),
	JSON_LIST(struct audit_doc, attributes, attribute_fields, struct attribute, 64, 0), JSON_END
};

const struct json_field quote_post_fields[] = { JSON_OBJ(struct quote_post, group, group_fields, 0),
						JSON_U32(struct quote_post, wait_ms, 400, OPT),
						JSON_END };

const struct json_field quote_doc_fields[] = { JSON_ID(struct quote_doc, id, ID_QUOTE),
					       JSON_ADDRESS(struct quote_doc, tenant, 0),
					       JSON_TIME(struct quote_doc, ends_at, 0),
					       JSON_OBJ(struct quote_doc, group, group_fields, 0),
					       JSON_END };

const struct json_field quote_answer_fields[] = {
	JSON_RATE(struct quote_answer, list, OPT),
	JSON_STR(struct quote_answer, reason, 40, OPT | JSON_OMIT_EMPTY), JSON_END
};

const struct json_field manifest_post_fields[] = { JSON_HASH(struct manifest_post, lease, 0),
						   JSON_NODE(struct manifest_post, manifest, 0),
						   JSON_END };

bool
decline_known(const char *reason)
{
	static const char *const known[] = { "attribute", "capacity", "price", "excluded", "audit",
					     "region",	  "cordoned", "term",  "resources" };

	for (size_t i = 0; i < NELEMS(known); i++)
		if (strcmp(known[i], reason) == 0)
			return true;
	return false;
}

struct voucher_terms
voucher_of(const struct usage_terms *usage)
{
	return (struct voucher_terms){
		.lease = usage->lease,
		.amount = usage->amount,
		.upTo = usage->upTo,
	};
}

struct hash
attributes_hash(const struct json_list *attributes)
{
	static const struct json_field list[] = { { .name = "attributes",
						    .kind = JSON_KIND_LIST,
						    .offset = 0,
						    .sub = attribute_fields,
						    .sub_size = sizeof(struct attribute) },
						  JSON_END };
	struct arena a;
	struct hash h;
	const char *text;

	arena_init(&a, 0);
	text = json_encode(&a, list, attributes);
	keccak256(text, strlen(text), &h);
	arena_release(&a);
	return h;
}
