/* SPDX-License-Identifier: Apache-2.0 */
/*
 * book_db.h - the provider's memory: leases, their containers, their meters.
 * SQLite in write-ahead mode, the only door to it. A commit reaches the page
 * cache, not the disk (synchronous=NORMAL): it survives every kill -9 and costs
 * the event loop microseconds; after a power failure the last moments are read
 * again from the market, the chain and the cgroups.
 */
#ifndef GAVEL_BOOK_DB_H
#define GAVEL_BOOK_DB_H

#include "lease/documents.h"
#include "lease/pool.h"
#include "provider/run/meter.h"

extern const struct code BOOK_FAILED;

/* What we are to do about a lease, and how far it is. */
enum work_state {
	WORK_ACCEPTED,	/* the award is signed; waiting for manifest and opening */
	WORK_RUNNING,	/* launched and reported */
	WORK_CLOSING,	/* the last word is signed; the workload is gone or going */
	WORK_ENDED,	/* nothing of it is on the machine any more, but its logs */
	WORK_FORGOTTEN, /* nor they */
};

#define WORK_COPIES_MAX 16		      /* that a lease may have */
#define WORK_UNITS_MAX	(2 * WORK_COPIES_MAX) /* with those that replace them */

enum unit_role {
	UNIT_NONE,   /* the entry is free */
	UNIT_LIVE,   /* is to run */
	UNIT_COMING, /* is to take the place of another, when it is ready */
	UNIT_GOING,  /* is to be removed */
};

/* One copy of one service. Its number is that of its container (jail_ref.copy).
 * It has two slots: one that it is in, and one for whoever takes its place. */
struct work_unit {
	enum unit_role role;
	uint32_t service, copy;
	uint32_t slot, spare;
	uint32_t version;  /* of the manifest that it runs */
	uint32_t replaces; /* UNIT_COMING: number of the unit */
};

struct work_port { /* an endpoint open to the world */
	uint32_t service, inside;
	uint32_t outside; /* 0: by host names, through the proxy */
	char proto[8];
	char ip[16]; /* an address of the lease's own, or "" */
};

/* What a reference meant when the lease was launched: it stays so. */
struct work_image {
	const char *reference;
	struct hash source; /* digest of the manifest in the registry */
};

/* What an interruptible lease has beside the others: provider/bid/spot.h. */
struct work_spot {
	const char *class; /* of its pool; NULL: it is firm */
	uint32_t units;
	struct spot_due due;
	bool interrupted;      /* from the notice until it is let in again */
	uint32_t since;	       /* of the notice, unix seconds */
	uint64_t number;       /* of the last auction that `due` knows the price of */
	struct json_list said; /* of struct spot_run_doc, the newest */
	uint64_t told;	       /* the market has them up to this seq */
};

/* A lease as the book holds it. Strings are the arena's. */
struct work {
	struct hash hash;
	struct id id;
	enum work_state state;
	struct award_doc award;
	struct lease_terms terms;
	struct sig accept_sig;
	const char *manifest; /* JSON text, or NULL: not here yet; version `version` */
	uint32_t version;
	/* An update: what shall run, or NULL. `returning`: it has failed, and units
	 * go back to `manifest`. */
	const char *next_manifest;
	bool returning;
	const char *update_failure; /* of the last update, or NULL */
	struct rate_card card;	    /* as bid */
	struct json_strs models;    /* of the GPUs, as bid: price.h */
	struct hash price_nonce;    /* zero: an old lease; see pricing_salt() */
	struct work_unit units[WORK_UNITS_MAX];
	uint32_t unit_count;
	struct work_port ports[WORK_UNITS_MAX];
	uint32_t port_count;
	struct work_image images[WORK_UNITS_MAX];
	uint32_t image_count;
	struct meter_state meter;
	struct spells spells;  /* throttled, paused */
	struct amount deposit; /* as on chain, when it was `seen` last; 0: as in the terms */
	wall_t seen;
	uint32_t stop_at; /* on chain: the tenant has stopped it; 0: not */
	struct work_spot spot;
	struct usage_terms usage; /* the last one signed; seq 0: none */
	struct sig usage_sig, voucher_sig;
	struct usage_terms paid; /* the last one the payer signed; seq 0: none */
	struct sig payer_sig;
	struct sig release_sig;
	struct json_strs gpus; /* devices, in the order of services and copies */
	bool released, reported;
	bool never_opened;   /* and cannot be any more: the chain says so */
	bool volumes_delete; /* at the end at once, instead of kept for a while */
	const char *failure; /* why it could not run, or NULL */
	wall_t created;
};

struct book;
struct book *book_open(const char *path, struct err *e) mustcheck;
void book_close(struct book *b);

/* Insert or replace, whole. */
int book_put(struct book *b, const struct work *w, struct err *e) mustcheck;
/* 1: found, 0: not, -1: error. */
int book_get(struct book *b, struct arena *a, const struct hash *lease, struct work *out,
	     struct err *e) mustcheck;
/* All that have not ended. */
int book_live(struct book *b, struct arena *a, struct work **out, size_t *count,
	      struct err *e) mustcheck;
/* All of them, also those that are forgotten but for their terms. */
int book_every(struct book *b, struct arena *a, struct work **out, size_t *count,
	       struct err *e) mustcheck;
/* All that have ended and whose logs are still there. */
int book_ended(struct book *b, struct arena *a, struct work **out, size_t *count,
	       struct err *e) mustcheck;
/* A persistent volume on this machine. It belongs to a tenant, and to one lease
 * at a time; when that has ended it is kept until `until`, and then removed. */
struct book_volume {
	const char *id;	   /* of the container it was made for, and its name */
	struct hash lease; /* that has it, or had it last */
	struct address tenant;
	const char *service, *name, *class;
	uint32_t copy; /* of the service */
	uint64_t bytes;
	wall_t until; /* 0: in use */
};
int book_volume_put(struct book *b, const struct book_volume *v, struct err *e) mustcheck;
/* Unless a lease has it. */
int book_volume_drop(struct book *b, const char *id, struct err *e) mustcheck;
/* All of them, by id. */
int book_volumes(struct book *b, struct arena *a, struct book_volume **out, size_t *count,
		 struct err *e) mustcheck;

/* What the bid on an order was made of, as JSON (pricing.h). Kept for a day: an
 * award comes within seconds or not at all. */
int book_bid_put(struct book *b, const struct hash *order, const char *doc, wall_t now,
		 struct err *e) mustcheck;
const char *book_bid(struct book *b, struct arena *a, const struct hash *order);

/* The bid as it is sent in a round, kept as long. Two different ones for one round
 * would cost the bond (lease/offence.h): the first one that was put is the one, and is
 * what `out` is; whoever has another throws it away. */
int book_sent_put(struct book *b, struct arena *a, const struct hash *order, uint32_t round,
		  const char *post, wall_t now, const char **out, struct err *e) mustcheck;
/* NULL: none was. */
const char *book_sent(struct book *b, struct arena *a, const struct hash *order, uint32_t round);

/* What the market is to give a receipt for, a week long: an offer with its document as
 * signed, a sealed bid by its envelope's hash, without one. The receipt comes later. */
struct book_receipt {
	struct hash item;
	const char *doc, *receipt; /* JSON texts, or NULL */
};
int book_receipt_due(struct book *b, const struct hash *item, const char *doc, wall_t now,
		     struct err *e) mustcheck;
/* Nothing happens if nothing was sent with that hash. */
int book_receipt_put(struct book *b, const struct hash *item, const char *receipt,
		     struct err *e) mustcheck;
/* The oldest first. */
int book_receipts(struct book *b, struct arena *a, struct book_receipt **out, size_t *count,
		  struct err *e) mustcheck;

/* Remember one value by name: the last event seen. */
int book_note(struct book *b, const char *name, const char *value, struct err *e) mustcheck;
const char *book_noted(struct book *b, struct arena *a, const char *name);

/* A blob of the image store, and the tree that was made of it. */
struct book_blob {
	struct hash digest, diff; /* diff: of a layer */
	bool has_tree;		  /* or may have */
	uint64_t bytes, tree_bytes;
	wall_t used;
};
/* Enter it, or note that it was used. */
int book_blob_use(struct book *b, const struct book_blob *row, struct err *e) mustcheck;
/* Enter it unless it is there. */
int book_blob_find(struct book *b, const struct book_blob *row, struct err *e) mustcheck;
int book_blob_tree(struct book *b, const struct hash *digest, uint64_t tree_bytes,
		   struct err *e) mustcheck;
int book_blob_drop(struct book *b, const struct hash *digest, struct err *e) mustcheck;
/* When it was last used; 0: not known. */
wall_t book_blob_used(struct book *b, const struct hash *digest);
/* All, the longest unused first. */
int book_blobs(struct book *b, struct arena *a, struct book_blob **out, size_t *count,
	       struct err *e) mustcheck;

#endif
