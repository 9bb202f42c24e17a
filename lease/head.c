/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/head.h"

#include "lease/audit.h"
#include "lease/key.h"

const struct code HEAD_DIFFERS = { "head_differs", INVALID,
				   "the record is not the one that the chain has" };
const struct code HEAD_FORKS = { "head_forks", INVALID, "the chain has two histories" };
const struct code HEAD_NO_RECORD = { "head_no_record", INVALID,
				     "the chain has a record that the market does not show" };
const struct code HEAD_HIDDEN = { "head_hidden", INVALID,
				  "a transaction of the market's key is not shown" };

#define TAG	  "gavel head 1"
#define TAG_BYTES (sizeof(TAG) - 1)
#define WORD	  32u
#define BATCH_AT  (4u + 2u * WORD) /* selector, offset, length */

#define T struct head_tx
const struct json_field head_tx_fields[] = { JSON_U64(T, nonce, 0),
					     JSON_HASH(T, tx, 0),
					     JSON_U64(T, at, 0),
					     JSON_BOOLEAN(T, carries, 0),
					     JSON_U64(T, number, JSON_OPTIONAL | JSON_OMIT_EMPTY),
					     JSON_HASH(T, record, JSON_OPTIONAL | JSON_OMIT_EMPTY),
					     JSON_END };
#undef T

void
head_write(const struct head *h, uint8_t out[static HEAD_BYTES])
{
	memcpy(out, TAG, TAG_BYTES);
	for (unsigned i = 0; i < 8; i++)
		out[TAG_BYTES + i] = (uint8_t)(h->number >> (56 - 8 * i));
	memcpy(out + TAG_BYTES + 8, h->record.b, sizeof(h->record.b));
}

bool
head_read(const uint8_t *b, size_t len, struct head *out)
{
	if (len != HEAD_BYTES || memcmp(b, TAG, TAG_BYTES) != 0)
		return false;
	out->number = 0;
	for (unsigned i = 0; i < 8; i++)
		out->number = out->number << 8 | b[TAG_BYTES + i];
	memcpy(out->record.b, b + TAG_BYTES + 8, sizeof(out->record.b));
	return true;
}

/* A word of calldata that counts bytes, as far as any calldata can reach. */
static bool
small_word(const uint8_t *word, size_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < WORD; i++) {
		if (i < WORD - 4 && word[i] != 0)
			return false;
		*out = *out << 8 | word[i];
	}
	return true;
}

/* f(bytes), and then a head. Found by the length of the bytes and not by looking for
 * the tag: what others have signed into a batch cannot be taken for one. */
static bool
behind_batch(const uint8_t *data, size_t len, struct head *out)
{
	size_t offset, batch, padded;

	if (len < BATCH_AT + HEAD_BYTES || !small_word(data + 4, &offset) || offset != WORD ||
	    !small_word(data + 4 + WORD, &batch) || batch > len)
		return false;
	padded = (batch + WORD - 1) / WORD * WORD;
	if (len != BATCH_AT + batch + HEAD_BYTES && len != BATCH_AT + padded + HEAD_BYTES)
		return false;
	return head_read(data + len - HEAD_BYTES, HEAD_BYTES, out);
}

bool
head_find(const struct address *market, const struct address *escrow, const struct address *to,
	  const uint8_t *data, size_t len, struct head *out)
{
	if (address_equal(to, market))
		return head_read(data, len, out);
	return address_equal(to, escrow) && behind_batch(data, len, out);
}

bool
record_stirs(const struct record_terms *before, const struct record_terms *r)
{
	struct hash none = record_root(NULL, NULL, 0);

	return before == NULL || !hash_equal(&r->orders, &none) ||
	       !hash_equal(&r->outcomes, &none) || !hash_equal(&r->keys, &none) ||
	       !hash_equal(&r->book, &before->book) ||
	       !hash_equal(&r->capacity, &before->capacity) ||
	       !hash_equal(&r->reputation, &before->reputation);
}

/* ------------------------------------------------------------------ */

static int
check_records(const struct heads *h, struct err *e)
{
	for (size_t i = 0; i < h->record_count; i++) {
		const struct record *r = &h->records[i];
		unsigned long long number = (unsigned long long)r->terms.number;
		struct hash hash = record_hash(&r->terms), digest = terms_digest(h->domain, &hash);
		struct err why = ERR_NONE;

		if (sig_check(&r->sig, &digest, &h->market, &why) < 0)
			return err_field(e, &AUDIT_SIGNATURE, "/records",
					 "record %llu is not the market's", number);
		if (i == 0)
			continue;
		hash = record_hash(&r[-1].terms);
		if (r->terms.number != r[-1].terms.number + 1 || r->terms.time <= r[-1].terms.time)
			return err_field(e, &AUDIT_CHAIN, "/records",
					 "record %llu after record %llu", number,
					 (unsigned long long)r[-1].terms.number);
		if (!hash_equal(&r->terms.previous, &hash))
			return err_field(e, &AUDIT_CHAIN, "/records",
					 "record %llu names another record before it", number);
	}
	return 0;
}

static const struct record *
record_of(const struct heads *h, uint64_t number)
{
	uint64_t first = h->record_count > 0 ? h->records[0].terms.number : 0;

	return number < first || number - first >= h->record_count ? NULL
								   : &h->records[number - first];
}

/* The contradiction that needs no record to be seen. */
static int
check_fork(const struct heads *h, size_t at, struct err *e)
{
	const struct head_tx *t = &h->txs[at];
	char one[HASH_TEXT_SIZE], other[HASH_TEXT_SIZE];

	for (size_t i = at; i-- > 0;) {
		const struct head_tx *o = &h->txs[i];

		if (o->carries && o->number == t->number && !hash_equal(&o->record, &t->record))
			return err_field(e, &HEAD_FORKS, "/heads",
					 "record %llu is one in transaction %.18s.. and another "
					 "in %.18s..",
					 (unsigned long long)t->number, hash_text(&o->tx, one),
					 hash_text(&t->tx, other));
	}
	return 0;
}

static int
check_head(const struct heads *h, size_t at, struct err *e)
{
	const struct head_tx *t = &h->txs[at];
	const struct record *r = record_of(h, t->number);
	unsigned long long number = (unsigned long long)t->number,
			   nonce = (unsigned long long)t->nonce;
	char text[HASH_TEXT_SIZE];
	struct hash hash;

	if (r == NULL) {
		if (h->record_count > 0 && t->number < h->records[0].terms.number)
			return 0;
		return err_field(e, &HEAD_NO_RECORD, "/records",
				 "record %llu is on the chain (nonce %llu, transaction %s)", number,
				 nonce, hash_text(&t->tx, text));
	}
	hash = record_hash(&r->terms);
	if (!hash_equal(&hash, &t->record))
		return err_field(e, &HEAD_DIFFERS, "/records",
				 "record %llu is another on the chain (nonce %llu, transaction %s)",
				 number, nonce, hash_text(&t->tx, text));
	return 0;
}

static int
check_txs(const struct heads *h, struct err *e)
{
	uint64_t above = 0; /* all heads so far are of lower numbers */

	for (size_t i = 0; i < h->tx_count; i++) {
		const struct head_tx *t = &h->txs[i];

		if (i > 0 && t->nonce != t[-1].nonce + 1)
			return err_field(e, &HEAD_HIDDEN, "/heads", "nonce %llu is not shown",
					 (unsigned long long)t[-1].nonce + 1);
		if (!t->carries)
			continue;
		if ((t->number < above && check_fork(h, i, e) < 0) || check_head(h, i, e) < 0)
			return -1;
		above = MAX(above, t->number + 1);
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* How long things were on no chain.                                    */

static void
waited(const struct heads *h, const struct record *since, uint64_t until, bool still,
       struct heads_told *told)
{
	uint64_t from = since->terms.time / 1000, took = until > from ? until - from : 0;

	if (took <= (uint64_t)HEADS_LATE * h->every_s || took <= told->late_s)
		return;
	told->late = true;
	told->still = still;
	told->late_from = since->terms.number;
	told->late_s = took;
}

/* The first record after `number` that says more than that the market is there. */
static const struct record *
stirring(const struct heads *h, uint64_t number)
{
	const struct record *before = record_of(h, number);

	if (before == NULL)
		return NULL;
	for (const struct record *r = before + 1; r < h->records + h->record_count; r++)
		if (record_stirs(&r[-1].terms, &r->terms))
			return r;
	return NULL;
}

static void
tell(const struct heads *h, struct heads_told *told)
{
	const struct record *since;

	for (size_t i = 0; i < h->tx_count; i++) {
		const struct head_tx *t = &h->txs[i];

		if (!t->carries)
			continue;
		told->heads++;
		if (told->any && t->number <= told->covered)
			continue;
		since = told->any ? stirring(h, told->covered) : NULL;
		if (since != NULL && since->terms.number <= t->number)
			waited(h, since, t->at, false, told);
		told->any = true;
		told->covered = t->number;
	}
	if (h->now == 0 || h->record_count == 0)
		return;
	since = told->any ? stirring(h, told->covered) : &h->records[0];
	if (since != NULL)
		waited(h, since, h->now, true, told);
}

int
heads_audit(const struct heads *h, struct heads_told *told, struct err *e)
{
	*told = (struct heads_told){ .heads = 0 };
	if (check_records(h, e) < 0 || check_txs(h, e) < 0)
		return err_wrap(e, "heads on the chain");
	tell(h, told);
	return 0;
}
